#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds and runs main.cpp as a user would: consume.sh find_package|add_subdirectory|single BUILD_FOLDER COMPILER
set -euo pipefail
way=$1 build=$2 compiler=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$(cd "$here/../.." && pwd)
work=$build/consume/$way
rm -rf "$work" && mkdir -p "$work"

configure() { cmake -S "$here" -B "$work/build" -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=Debug "$@"; }

case $way in
find_package)
    cmake --install "$build" --prefix "$work/prefix" >/dev/null
    configure -DCMAKE_PREFIX_PATH="$work/prefix" && cmake --build "$work/build"
    ;;
add_subdirectory)
    configure -DSVAD_SOURCE="$source" && cmake --build "$work/build"
    ;;
single)
    mkdir "$work/build"
    # The two files that are linked include everything: no definition may come twice.
    echo '#include <svad/svad.hpp>' >"$work/second.cpp"
    read -ra libraries <<<"$(pkg-config --libs libutf8proc) $(pkg-config --silence-errors --libs \
        libavformat libavcodec libavutil libswscale || true) $(pkg-config --silence-errors --libs zlib || true)"
    "$compiler" -std=c++20 -I"$source/single_include" $(pkg-config --cflags eigen3) "$here/main.cpp" "$work/second.cpp" \
        -o "$work/build/consume" -pthread "${libraries[@]}"
    ;;
*)
    echo "consume.sh: no way is called '$way'" >&2
    exit 2
    ;;
esac
for program in "$work"/build/consume "$work"/build/consume_compiled; do
    [ ! -x "$program" ] || "$program"
done
[ -x "$work/build/consume" ]
