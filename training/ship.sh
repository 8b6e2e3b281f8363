#!/usr/bin/env bash
# Make the network that ships from nothing but the data: train, fine-tune for the device's detectors, average, convert.
#
#   training/ship.sh DATA RUNS [FACES]
#
# DATA: the folder of fer2013.csv and fer2013new.csv. RUNS: receives a folder for each run, and expression.tflite. FACES: for
# a try, only the first so many faces of each split, and one epoch a run. Stop it at any moment: the same command resumes.
# It takes torch where that is installed, which is the fastest on a CPU; KERAS_BACKEND chooses another.
set -euo pipefail
if [ $# -lt 2 ] || [ $# -gt 3 ]; then
  sed -n '2,8s/^# \?//p' "$0" >&2
  exit 2
fi
data=$(realpath "$1")
runs=$(realpath -m "$2")
sample=(${3:+--limit "$3" --epochs 1})
cd "$(dirname "$0")/.."
script/setup
export PATH="$PWD/.venv/bin:$PATH"
if python -c 'import importlib.util as u, sys; sys.exit(not u.find_spec("torch"))'; then
  export KERAS_BACKEND=${KERAS_BACKEND:-torch}
fi

finished() { [ -s "$runs/$1/metrics.json" ]; } # the last file that a run writes

fit() { # RUN RECIPE OPTIONS...
  finished "$1" || mien-train fit --data "$data" --out "$runs/$1" --recipe "$2" "${@:3}" "${sample[@]}"
}

average() { # RUN RUNS...
  finished "$1" && return
  rm -rf "${runs:?}/$1" # a mean is quick, and is made as a whole
  mien-train average "${@:2}" --data "$data" --out "$runs/$1"
}

fit base mien --epochs 32
fit tuned mien-device --start "$runs/base" --teacher "$runs/base"
average final "$runs/tuned" "$runs/base"
[ -s "$runs/expression.tflite" ] || mien-convert quantize "$runs/final" --data "$data" --out "$runs/expression.tflite"
mien-train evaluate "$runs/expression.tflite" --data "$data" --split PublicTest
