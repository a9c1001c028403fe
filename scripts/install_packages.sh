#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian/Ubuntu packages that building and testing svad needs, and only those that are missing.
# Without the right to install, prints the one line to run and exits 1.
set -euo pipefail

packages=(g++ cmake ninja-build pkg-config python3 libeigen3-dev nlohmann-json3-dev libutf8proc-dev zlib1g-dev
          libavformat-dev libavcodec-dev libavutil-dev libswscale-dev doctest-dev libcli11-dev
          libcurl4-openssl-dev libcpp-httplib-dev)

if ! command -v dpkg-query >/dev/null; then
    echo "install_packages: not a Debian system; these packages, or their like, must be there: ${packages[*]}" >&2
    exit 0
fi

missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=()
elif sudo -n true 2>/dev/null; then
    as_root=(sudo)
else
    echo "install_packages: packages are missing; run: sudo apt-get install -y ${missing[*]}" >&2
    exit 1
fi

echo "install_packages: installing ${missing[*]}"
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq update
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}"
