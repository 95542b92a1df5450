#!/bin/sh
# OpenSSL 3's libcrypto.a: SHA256(), the digest in one call, makes a static program megabytes larger than SHA256_Init, _Update and _Final do.
# All four are declared side by side in openssl/sha.h as the old, direct calls, so a guess would be that the one call is the other three. It asks EVP for the digest by
# its name instead, and with EVP come the providers and all that they know; in Debian 13, whose libcrypto compresses, the program then has to be linked with zlib and zstd, too.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get download libssl-dev >/dev/null 2>&1
version=$(dpkg-deb -f libssl-dev_*.deb Version)
dpkg-deb -x libssl-dev_*.deb root
lib=$(dirname "$(find root -name libcrypto.a)")
cat > three.c <<'C'
#include <openssl/sha.h>
int main(int count, char **words) {
	unsigned char digest[SHA256_DIGEST_LENGTH];
	SHA256_CTX hash;
	SHA256_Init(&hash);
	SHA256_Update(&hash, words[0], count);
	SHA256_Final(digest, &hash);
	return digest[0];
}
C
cat > one.c <<'C'
#include <openssl/sha.h>
int main(int count, char **words) {
	unsigned char digest[SHA256_DIGEST_LENGTH];
	SHA256((unsigned char *)words[0], count, digest);
	return digest[0];
}
C
build() { gcc -O2 -w -static -s -Iroot/usr/include -I"root/usr/include/$(basename "$lib")" -o "$1" "$1.c" "$lib/libcrypto.a"; }
size() { stat -c %s "$1"; }
build three
# Debian 13's wants more libraries for this one than for the other.
if build one 2>errors; then
  more=$(($(size one) - $(size three)))
  echo "libssl-dev $version: three calls $(size three) bytes, one call $(size one) bytes"
  [ $more -gt 2000000 ] || { echo 'changed: it was more than 2 MB larger' >&2; exit 1; }
else
  echo "libssl-dev $version: three calls $(size three) bytes, one call cannot be linked without $(grep -o 'undefined reference to .[A-Za-z]*' errors | sort -u | wc -l) further functions"
  grep -q 'undefined reference to .ZSTD' errors || { echo 'changed: it was for the want of zstd' >&2; exit 1; }
fi
echo 'guessed: the same size but for a few bytes; seen: all of libcrypto in the one'
