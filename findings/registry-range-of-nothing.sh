#!/bin/sh
# Debian's docker-registry 2.8.2: an upload of which NOTHING has arrived answers `Range: 0-0`, and so does one of which ONE byte has arrived.
# The distribution specification gives the range as inclusive, so `0-0` reads as "byte 0 is here": a client that goes on at byte 1 after a broken connection
# sends a blob without its first byte, and learns it by the digest only. A guess would be no Range header (as the specification's `end-4a` leaves it) or another answer for nothing.
set -eu
dir=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid"; rm -rf "$dir"' EXIT
cd "$dir"
apt-get download docker-registry >/dev/null 2>&1
dpkg-deb -x docker-registry_*.deb root
version=$(dpkg-deb -f docker-registry_*.deb Version)
port=$((20000 + $$ % 20000))
cat > config.yml <<YAML
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $dir/storage}}
http: {addr: 127.0.0.1:$port}
YAML
root/usr/bin/docker-registry serve config.yml >log 2>&1 &
pid=$!
base=http://127.0.0.1:$port
curl -s --retry 50 --retry-connrefused --retry-delay 1 -o /dev/null $base/v2/
header() { tr -d '\r' | sed -n "s/^$1: //pI"; }
start() { curl -si -X POST $base/v2/example/blobs/uploads/ | header Location; }
empty=$(start)
nothing=$(curl -si "$empty" | header Range)
one=$(curl -si -X PATCH -H 'Content-Type: application/octet-stream' --data-binary x "$(start)" | header Range)
two=$(curl -si -X PATCH -H 'Content-Type: application/octet-stream' --data-binary xy "$(start)" | header Range)
echo "docker-registry $version: Range after no byte: $nothing; after one: $one; after two: $two"
[ "$nothing $one $two" = '0-0 0-0 0-1' ] || { echo 'changed: it was 0-0, 0-0 and 0-1' >&2; exit 1; }
echo 'guessed: no byte and one byte differ; seen: the same answer'
