#!/usr/bin/env bash
# Install, upgrade or remove mien on Raspberry Pi OS or another Debian; docs/install.md describes what it does.
#
#   sudo systemd/install.sh               install, or upgrade to the version of this clone or archive
#   sudo systemd/install.sh --uninstall   remove mien; its configuration, state and user stay
#   sudo systemd/install.sh --purge       remove these as well
#   systemd/install.sh --dry-run          print what would be done; also with --uninstall and --purge
set -euo pipefail
umask 022
export PATH="$PATH:/usr/sbin:/sbin" LC_ALL=C.UTF-8

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
python=/usr/bin/python3 # the system's own, because apt's picamera2 runs on no other
top=/opt/mien
state=/var/lib/mien
command=/usr/local/bin/mien
unit=/etc/systemd/system/mien.service
sysusers=/etc/sysusers.d/mien.conf
sudoers=/etc/sudoers.d/mien
manual=/usr/local/share/man/man1/mien.1
completion=/usr/local/share/bash-completion/completions/mien
space=900 # MiB: two versions while one replaces the other

action=install dry="" changed="" building="" work=""

main() {
  for argument; do
    case $argument in
      --uninstall) [ $action = purge ] || action=uninstall ;;
      --purge) action=purge ;;
      --dry-run) dry=yes ;;
      -h | --help) usage && exit ;;
      *) usage >&2 && fail 2 "There is no option $argument." ;;
    esac
  done
  [ -n "$dry" ] || [ "$(id -u)" = 0 ] || fail 2 "This needs root: type sudo $0 $*"
  exec 9<"${BASH_SOURCE[0]}"
  flock --nonblock 9 || fail 1 "Another installation is running: wait for it."
  trap clean_up EXIT
  work=$(mktemp -d /var/tmp/mien.XXXXXX) # /tmp may be in memory, and too small
  case $action in
    install) install_mien ;;
    *) remove_mien ;;
  esac
}

usage() {
  sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

fail() { # CODE SENTENCE
  echo "mien: $2" >&2
  exit "$1"
}

step() { # TEXT: prints what follows; with --dry-run it is all that happens
  echo "${dry:+would: }$1"
}

act() { # COMMAND...
  [ -n "$dry" ] || "$@"
}

logged() { # COMMAND...: its output is shown only if it fails
  "$@" >"$work/log" 2>&1 || { tail -n 15 "$work/log" >&2 && return 1; }
}

clean_up() {
  local code=$?
  if [ -n "$building" ]; then # it is not in force: the former version still is
    rm -rf "$building"
    rmdir --ignore-fail-on-non-empty "$top/versions" "$top"
  fi
  [ -z "$work" ] || rm -rf "$work"
  exit $code
}

# ---- checks: nothing has been changed yet

check() {
  local faults=() fault
  local programs=(apt-get dpkg flock setpriv systemctl systemd-sysusers) program
  for program in "${programs[@]}"; do
    command -v "$program" >/dev/null || faults+=("$program is missing: this needs Raspberry Pi OS, or another Debian with systemd.")
  done
  [ ${#faults[@]} = 0 ] || refuse "${faults[@]}"
  version=$($python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || version=none
  # of the userland: a 64-bit kernel can run a 32-bit system
  architecture=$(dpkg --print-architecture)
  case $version in
    3.11 | 3.12 | 3.13) ;;
    none) faults+=("$python does not start: type sudo apt install python3.") ;;
    *) faults+=("$python is Python $version, but mien needs 3.11 to 3.13: use Raspberry Pi OS bookworm or trixie.") ;;
  esac
  case $architecture:$(uname -m) in
    amd64:*) machine=x86_64 ;;
    arm64:*) machine=aarch64 ;;
    armhf:armv6l) faults+=("This Pi has an ARMv6 processor, for which no inference runtime exists: use a Pi Zero 2 W, a Pi 2 or a later one.") ;;
    armhf:*)
      machine=armv7l
      [ "$version" = 3.11 ] || [ "$version" = none ] || faults+=("A 32-bit system needs Python 3.11 (bookworm), because tflite-runtime has no later version: use the 64-bit Raspberry Pi OS.")
      ;;
    *) faults+=("No inference runtime exists for $architecture: use the 64-bit Raspberry Pi OS.") ;;
  esac
  for fault in pyproject.toml device/mien/cli.py device/mien/models/expression.tflite script/manual.py; do
    [ -f "$source/$fault" ] || faults+=("$source/$fault is missing: clone or unpack mien again.")
  done
  if [ -e $top ] && [ ! -d $top/versions ]; then
    faults+=("$top was not made by this script: move it away.")
  fi
  if [ -e $command ] && ! grep -q "$top/current" $command; then
    faults+=("$command was not made by this script: remove it, for example with sudo pip uninstall mien.")
  fi
  if [ "$(home_of_user)" != $state ]; then
    faults+=("There is another user mien, whose home is $(home_of_user): the service needs this name.")
  fi
  local free
  free=$(df --output=avail --block-size=1M /opt | tail -n 1)
  [ "$free" -ge $space ] || faults+=("/opt has ${free// /} MiB free, but $space are needed: make room.")
  [ ${#faults[@]} = 0 ] || refuse "${faults[@]}"
}

refuse() { # SENTENCE...
  printf 'mien: %s\n' "$@" >&2
  fail 1 "Nothing was changed."
}

home_of_user() { # of the service's user, or the one that it will have
  (getent passwd mien || echo "mien:::::$state") | cut -d : -f 6
}

# ---- installation

install_mien() {
  check
  local digest first=""
  digest=$(digest_of_source)
  [ -e $top/current ] || first=yes
  install_packages
  if [ "$(cat $top/current/source 2>/dev/null)" != "$digest" ] || ! works $top/current; then
    changed=yes
    build "$digest"
  fi
  put "$source/systemd/mien-sysusers.conf" $sysusers 644
  make_user
  put "$source/systemd/mien-sudoers.conf" $sudoers 440
  put "$source/systemd/mien.sh" $command 755
  put "$source/systemd/mien.service" $unit 644
  point $manual ../../../../..$top/current/share/mien.1
  point $completion ../../../../..$top/current/share/mien.bash
  if [ ! -e /etc/mien/mien.toml ]; then
    step "write /etc/mien/mien.toml, every key with its explanation"
    act install -D -m 644 "${building:-$top/current}/share/mien.toml" /etc/mien/mien.toml
  fi
  if [ -n "$first" ]; then
    step "start mien with the system"
    act systemctl --quiet enable mien.service
  fi
  [ -z "$building" ] || switch
  make_state
  start
  finish
}

digest_of_source() { # of all that the installed files depend on
  {
    echo "$python $version $architecture"
    cd "$source"
    find device training convert systemd script/manual.py pyproject.toml README.md LICENSE -name __pycache__ -prune -o -type f -print0 |
      LC_ALL=C sort --zero-terminated | xargs --null sha256sum
  } | sha256sum | cut -c -64
}

install_packages() {
  local package missing=() wanted=(python3-venv ca-certificates sudo)
  for package in "${wanted[@]}"; do installed "$package" || missing+=("$package"); done
  if [ ${#missing[@]} -gt 0 ] || ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then
    step "renew the lists of apt"
    act logged apt-get update || fail 1 "apt-get update fails (above): check the network, then run this again."
  fi
  # Raspberry Pi OS has picamera2; what libcamera needs for the Pi's cameras is only a recommendation of it
  if available python3-picamera2; then
    for package in python3-picamera2 libcamera-ipa; do
      installed $package || ! available $package || missing+=("$package")
    done
  else
    echo "(this system has no python3-picamera2: a USB camera works, the Pi's own does not)"
  fi
  [ ${#missing[@]} -gt 0 ] || return 0
  apt_install "${missing[@]}"
}

apt_install() { # PACKAGE...
  step "install with apt: $*"
  act logged env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@" ||
    fail 1 "apt cannot install $* (above): repair that, then run this again."
}

installed() { # PACKAGE
  [ "$(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

available() { # PACKAGE
  apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'
}

works() { # VERSION: whether its program starts at all
  "$1/bin/mien" --version >/dev/null 2>&1
}

build() { # DIGEST: makes the new version beside the one in force, and tries it
  local last folder
  last=$(find $top/versions -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null | sort -n | tail -n 1) || last=""
  folder=$top/versions/$((${last:-0} + 1))
  step "make $folder, a virtual environment on $python (some minutes)"
  if [ -n "$dry" ]; then
    building=""
    step "try it with mien demo, as the user nobody"
    step "put it into force: $top/current"
    return
  fi
  building=$folder
  mkdir -p "$folder"
  # pip would leave a cache in the home of root
  export PIP_CACHE_DIR=${PIP_CACHE_DIR:-$work/cache} TMPDIR=$work PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
  logged make_environment "$folder" ||
    fail 1 "The new version cannot be made (above), so nothing was put into force. Check the network, then run this again."
  [ "$architecture" != armhf ] || install_libraries "$folder"
  step "try it with mien demo, as the user nobody"
  logged demo "$folder" ||
    fail 1 "The new version's mien demo fails (above), so it was removed, and what was in force before still is."
  mkdir "$folder/share"
  "$folder/bin/python" -B "$source/script/manual.py" man >"$folder/share/mien.1"
  "$folder/bin/python" -B "$source/script/manual.py" completion >"$folder/share/mien.bash"
  "$folder/bin/mien" config example >"$folder/share/mien.toml"
  echo "$1" >"$folder/source"
}

make_environment() { # VERSION
  $python -m venv --system-site-packages "$1" || return
  local pip=("$1/bin/python" -m pip)
  "${pip[@]}" wheel --no-deps --wheel-dir "$work" "$source" || return
  "$1/bin/python" -B "$source/systemd/requirements.py" "$work"/mien-*.whl "$machine" >"$work/requirements.txt" || return
  "${pip[@]}" install --prefer-binary --requirement "$work/requirements.txt" || return
  "${pip[@]}" install --no-deps "$work"/mien-*.whl
}

install_libraries() { # VERSION: the system libraries that piwheels' packages need; PyPI's bring their own
  local library package packages=()
  for library in $(find "$1/lib" -name '*.so*' -exec ldd {} + 2>/dev/null | sed -n 's/^\t\([^ ]*\) => not found$/\1/p' | sort -u); do
    # Debian's rule for the name: libopenblas.so.0 is in libopenblas0, libopenjp2.so.7 in libopenjp2-7
    package=$(sed -E 's/([0-9])\.so\./\1-/; s/\.so\.//; s/_/-/g' <<<"${library,,}")
    if available "$package"; then packages+=("$package"); fi
  done
  [ ${#packages[@]} = 0 ] || apt_install "${packages[@]}"
}

demo() { # VERSION
  mkdir "$work/home"
  chmod 711 "$work"
  chown nobody "$work/home"
  cd /
  timeout 600 env -i HOME="$work/home" STATE_DIRECTORY="$work/home" LANG=C.UTF-8 PATH=/usr/bin:/bin \
    setpriv --reuid=nobody --regid=nogroup --clear-groups "$1/bin/mien" demo
}

switch() { # puts the new version into force, at once
  step "put $building into force: $top/current"
  ln -sfn "versions/$(basename "$building")" $top/next
  mv -T $top/next $top/current
  building=""
}

make_user() {
  local groups
  groups=" $(id -Gn mien 2>/dev/null || true) "
  if ! [[ $groups == *" video "* && $groups == *" render "* ]]; then
    step "make the user mien, with access to cameras, and the group mien"
    act logged systemd-sysusers $sysusers
  fi
  # who installs it is going to use it
  local person=${SUDO_USER:-root}
  if [ "$person" != root ] && ! id -Gn "$person" | grep -qw mien; then
    step "put $person into the group mien: from the next login on, mien works without a password"
    act usermod --append --groups mien "$person"
  fi
}

make_state() {
  if [ ! -d $state ]; then
    step "make $state, for the service's user alone"
    act install -d -o mien -g mien -m 700 $state
  fi
  step "download the better face detector, YuNet, unless it is there"
  act $command model fetch-yunet || echo "(mien works with the built-in detector until sudo mien model fetch-yunet succeeds)"
}

start() {
  [ -d /run/systemd/system ] || return 0 # as in a container: mien starts with the system
  systemctl --quiet is-enabled mien.service 2>/dev/null || return 0
  local verb=start
  if [ -n "$changed" ]; then
    verb=restart
    step "start the service"
    act systemctl daemon-reload
  fi
  # without a camera it cannot start yet, which systemd goes on trying
  act timeout 60 systemctl $verb mien.service || echo "(it has not started yet: see what mien doctor reports)"
}

finish() {
  [ -z "$dry" ] || return 0
  local current version
  current=$(readlink $top/current)
  for version in "$top"/versions/*; do
    [ "$version" -ef $top/current ] || rm -rf "$version"
  done
  echo "$($command --version) is installed: $top/$current. What mien doctor reports:"
  $command doctor || echo "mien is installed; what is named above is left to do, and mien doctor checks it again."
}

put() { # FILE PLACE MODE: copies it unless it is there
  if [ -f "$2" ] && cmp --silent "$1" "$2"; then return; fi
  step "write $2"
  changed=yes
  act install -D -m "$3" "$1" "$2"
}

point() { # LINK TARGET
  [ "$(readlink "$1")" != "$2" ] || return 0
  step "write $1"
  act mkdir -p "$(dirname "$1")"
  act ln -sfn "$2" "$1"
}

# ---- removal

remove_mien() {
  if [ -e $unit ]; then
    step "stop the service, and start it no more"
    if [ -d /run/systemd/system ]; then act systemctl --quiet disable --now mien.service; else act systemctl --quiet disable mien.service; fi
  fi
  remove $unit $command $sudoers $manual $completion $top
  [ $action = uninstall ] || remove /etc/systemd/system/mien.service.d /etc/mien $state $sysusers
  local folder
  for folder in "${manual%/*}" "${completion%/*}" "${completion%/*/*}"; do
    if [ -d "$folder" ]; then act rmdir --ignore-fail-on-non-empty "$folder"; fi
  done
  if [ -d /run/systemd/system ]; then act systemctl daemon-reload; fi
  if [ $action = purge ] && getent passwd mien >/dev/null; then
    step "remove the user and the group mien"
    act logged userdel mien || fail 1 "The user mien is still in use (above): end its programs, then run this again."
    if getent group mien >/dev/null; then act groupdel mien; fi
  fi
  if [ $action = uninstall ]; then
    echo "(/etc/mien, $state and the user mien stay; --purge removes them)"
  fi
  echo "(what apt has installed stays: python3-venv, python3-picamera2, libcamera-ipa, sudo, ca-certificates)"
}

remove() { # PATH...
  local path
  for path; do
    if [ -e "$path" ] || [ -L "$path" ]; then
      step "remove $path"
      act rm -rf "$path"
    fi
  done
}

main "$@"
