# Debian packages, sourced by tools/quickstart and tools/test: `need PACKAGE…` installs what is missing.
PATH=$PATH:/usr/sbin:/sbin
need() {
  missing=
  for p in "$@"; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
  done
  [ -n "$missing" ] || return 0
  [ "$(id -u)" = 0 ] || { echo "$0: run as root to install:$missing" >&2; exit 1; }
  echo "installing from Debian:$missing"
  apt-get update -qq >/dev/null
  # No service of a package (a dockerd, a registry) is started by its installation, nor at the next boot.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    trap 'rm -f $policy' EXIT
    trap 'exit 1' INT TERM
    printf '#!/bin/sh\nexit 101\n' > $policy
    chmod 0755 $policy
  else
    policy=
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing </dev/null >/dev/null
  if command -v systemctl >/dev/null; then
    for p in $missing; do
      case $p in
        docker.io) systemctl disable -q docker.service docker.socket ;;
        containerd | docker-registry | rsyslog | etcd-server) systemctl disable -q "${p%-server}.service" ;;
      esac 2>/dev/null || :
    done
  fi
  [ -z "$policy" ] || rm -f $policy
  trap - EXIT INT TERM
}

# Notes a package for `need $wanted`; one that this Debian does not have is told at the end, with what is not tested.  want PACKAGE WHAT
wanted= lacks=
want() {
  if ! dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; then
    [ -n "$(apt-cache policy "$1" 2>/dev/null)" ] || apt-get update -qq >/dev/null
    if [ -n "$(first_of "$1")" ]; then wanted="$wanted $1"; else lacks="$lacks$1 ($2); "; fi
  fi
}

# First of the named packages that this Debian has.
first_of() {
  for p in "$@"; do
    [ -z "$(apt-cache policy "$p" 2>/dev/null | sed -n 's/^  Candidate: //p' | grep -v none)" ] || { echo "$p"; return 0; }
  done
}

# What the product needs to be built and to run.
need_product() {
  need gcc make libc6-dev linux-libc-dev libarchive-dev libjson-c-dev libssl-dev libdeflate-dev nftables iproute2 util-linux procps busybox-static ca-certificates
}

# npm packages by the lockfile, under any npm from version 8 on.
need_modules() {
  stamp=$root/node_modules/.gantry-lock
  sum=$(sha256sum "$root/package-lock.json" | cut -d' ' -f1)
  [ "$(cat "$stamp" 2>/dev/null)" != "$sum" ] || return 0
  command -v npm >/dev/null || need npm
  echo "installing npm packages"
  (cd "$root" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
  echo "$sum" > "$stamp"
}

# The build, when a source is newer than the last one.
need_build() {
  stamp=$root/dist/.built
  [ -e "$stamp" ] && [ -z "$(find "$root/packages" "$root/proto" "$root/tools" "$root/package-lock.json" -newer "$stamp" -type f -not -path '*/node_modules/*' -not -path '*/src/gen/*' -print -quit)" ] && return 0
  echo "building"
  mkdir -p "$root/dist"
  touch "$stamp.new"
  "$root/tools/node" "$root/tools/build.mjs"
  mv "$stamp.new" "$stamp"
}
