# Functions for scripts that need a Debian in a folder, trixie as on today's Raspberry Pi OS: sourced, not run.
# The scripts but .ci/install share one folder, which is kept between runs. Needs root.

skip() { # WHAT WHY
  echo "$1 is NOT tested here: $2."
  exit 0
}

require() { # WHAT PROGRAM...
  local what=$1 program
  shift
  [ "$(id -u)" = 0 ] || skip "$what" "only root can set up the Debian that it runs in"
  for program in "$@"; do
    command -v "$program" >/dev/null || skip "$what" "$program is missing (apt install $program)"
  done
}

mirror() { # the one that this machine's own packages come from
  local uri
  uri=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | head -1)
  [ -n "$uri" ] || uri=$(sed -n 's/^deb \(\[.*\] \)\?\(http[^ ]*\).*/\2/p' /etc/apt/sources.list 2>/dev/null | head -1)
  # a snapshot of the past has no newer release
  sed 's#/archive/debian/[0-9TZ]*/\?$#/debian#' <<<"${uri:-http://deb.debian.org/debian}"
}

release() { # ROOT: unmounts its /proc
  if mountpoint -q "$1/proc"; then umount "$1/proc"; fi
}

in_root() { # ROOT COMMAND...: runs a command in the Debian, with /proc
  local root=$1 code=0
  shift
  mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
  chroot "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@" || code=$?
  release "$root"
  return $code
}

tools=python3,python3-venv,python3-dev,gcc,g++,libc6-dev,ca-certificates,mosquitto,openssl,systemd,git # of .ci/trixie

build_root() { # ROOT [SUITE PACKAGES]: installs the Debian unless it is already complete
  local root=$1 suite=${2:-trixie} packages=${3:-$tools}
  [ ! -f "$root/complete" ] || return 0
  echo "setting up Debian $suite in $root (some minutes)"
  release "$root"
  rm -rf --one-file-system "$root"
  mkdir -p "$root"
  debootstrap --variant=minbase --include="$packages" "$suite" "$root" "$(mirror)" >"$root.log" 2>&1
  # the way to the package index is this machine's own
  [ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/pip.conf"
  cp /etc/resolv.conf /etc/hosts "$root/etc/"
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  touch "$root/complete"
}

copy_clone() { # FOLDER: a copy of the clone as it is, without what git ignores
  rm -rf "$1"
  mkdir -p "$1"
  git ls-files --cached --others --exclude-standard -z | tar --create --null --ignore-failed-read --files-from=- |
    tar --extract --no-same-owner --directory="$1"
}

set_up() { # ROOT WHAT FUNCTION: runs the function; what other people's servers do not deliver today only skips the test
  local root=$1 what=$2 code
  set +e # "... || code=$?" would switch it off inside the function, too
  (set -e; "$3" "$root")
  code=$?
  set -e
  release "$root"
  [ "$code" = 0 ] || { tail -5 "$root.log"; skip "$what" "it cannot be set up, see $root.log"; }
}
