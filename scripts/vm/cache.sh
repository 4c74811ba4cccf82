# What the virtual machine is made of is built once and kept outside the repository. Sourced by the builders beside it.
#
# A builder calls `kept NAME INPUTS` (INPUTS: all that its result depends on, as text). If the result is there, the
# builder prints its folder and ends; else $made is an empty folder to build in, and `keep` puts it in its place.
# shellcheck shell=bash

set -E  # so that the trap below also sees what fails in a function

cache=${XDG_CACHE_HOME:-$HOME/.cache}/voicelive-speaker/vm
made=

say() { echo "vm: $*" >&2; }

kept() {
  local hash
  hash=$(printf '%s' "$2" | cat - "$0" | sha256sum | cut -c 1-12)
  place=$cache/$1-$hash
  mkdir -p "$cache"
  # Two runs at once would build in the same folder.
  exec 9>"$cache/$1.lock"
  flock 9
  if [ -d "$place" ]; then
    echo "$place"
    exit 0
  fi
  made=$cache/$1.part log=$cache/$1.log
  rm -rf "$made"
  mkdir "$made"
  : >"$log"
  trap 'say "this failed; the end of $log:"; tail -n 20 "$log" >&2' ERR
}

keep() {
  # Of each kind only the newest is kept: they are hundreds of megabytes.
  find "$cache" -maxdepth 1 -name "$(basename "${made%.part}")-????????????" -exec rm -rf {} +
  mv "$made" "$place"
  echo "$place"
}

# Debian's mirror as this machine's own apt knows it.
mirror() {
  # apt puts the values in itself.
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(SITE)' | grep '/debian/*$' | sort -u | head -n 1
}

# A Debian tree: debian SUITE FOLDER ARCHITECTURES PACKAGES [MMDEBSTRAP OPTIONS]
debian() {
  local suite=$1 folder=$2 architectures=$3 packages=$4
  shift 4
  nice -n 15 mmdebstrap --mode=root --variant=essential --architectures="$architectures" \
    --keyring=/usr/share/keyrings/debian-archive-keyring.gpg --include="$packages" \
    --aptopt='APT::Install-Recommends "false"' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    "$@" "$suite" "$folder" "deb $(mirror) $suite main" >>"$log" 2>&1
}

# Runs a command in a tree: inside FOLDER COMMAND... The mounts are in a namespace of their own, so that they are gone
# afterwards, whatever happens, and removing the tree can never remove the machine's own /dev.
inside() {
  # shellcheck disable=SC2016 # the inner shell's
  nice -n 15 unshare --mount --propagation private sh -c '
    mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev" && cp -L /etc/resolv.conf "$1/etc/resolv.conf" || exit 1
    root=$1; shift
    exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 chroot "$root" "$@"' sh "$@" >>"$log" 2>&1
}
