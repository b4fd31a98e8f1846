#!/usr/bin/env bash
# Makes the certificates of the tests: an authority, and certificates for localhost that are good,
# expired, or for another host. Keys of no worth to anybody; run once, results are committed.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
touch "$work/index"
cat >"$work/ca.conf" <<CONF
[ca]
default_ca = tests
[tests]
database = $work/index
new_certs_dir = $work
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
CONF
key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 22>/dev/null; }

key "$work/authority.key"
openssl req -x509 -new -key "$work/authority.key" -subj '/CN=depot tests' -days 36500 -out authority.pem
key server.key
# NAME HOST FROM TO
certificate() {
  openssl req -new -key server.key -subj "/CN=$2" -addext "subjectAltName=$3" -out "$work/request"
  openssl ca -batch -config "$work/ca.conf" -notext -cert authority.pem -keyfile "$work/authority.key" \
    -startdate "$4" -enddate "$5" -in "$work/request" -out "$1.pem" 2>/dev/null
}
certificate good localhost 'DNS:localhost,IP:127.0.0.1' 20260101000000Z 21260101000000Z
certificate expired localhost 'DNS:localhost,IP:127.0.0.1' 20200101000000Z 20210101000000Z
certificate elsewhere elsewhere.example 'DNS:elsewhere.example' 20260101000000Z 21260101000000Z
