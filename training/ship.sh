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

tune() { # RUN START EPOCHS SEED: with faces as the device's detectors frame them
  fit "$1" mien-device --start "$runs/$2" --teacher "$runs/$2" --epochs "$3" --seed "$4"
}

fit base mien --epochs 32
tune tuned base 7 1
for seed in 1 2; do # in other orders of the faces: their mean is better than either
  tune "tuned-$seed" tuned 5 "$seed"
done
average final "$runs/tuned-1" "$runs/tuned-2" "$runs/tuned"
[ -s "$runs/expression.tflite" ] || mien-convert quantize "$runs/final" --data "$data" --out "$runs/expression.tflite"
mien-train evaluate "$runs/expression.tflite" --data "$data" --split PublicTest
