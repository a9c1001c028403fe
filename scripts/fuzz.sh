#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Feeds every parser random files: builds tests/fuzz/fuzz_*.cpp with clang's libFuzzer, AddressSanitizer and
# UndefinedBehaviorSanitizer and runs each for 60 seconds (SVAD_FUZZ_SECONDS), or only those named:
#   scripts/fuzz.sh            all
#   scripts/fuzz.sh gguf ptb   these two
# (tests/fuzz/flip_videos.cpp damages whole videos instead; it is a program of its own, see its head.)
# A crash, a report, an input of more than 10 seconds or of more than 2 GiB fails; the input that did it is kept.
# What the runs found worth keeping lies in build/fuzz/corpus and is the start of the next run. A folder
# tests/fuzz/seeds/NAME and the files named in SVAD_FUZZ_SEEDS_NAME are read as examples too.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v clang++ >/dev/null || { echo "fuzz: needs clang; run: sudo apt-get install -y clang" >&2; exit 2; }
seconds=${SVAD_FUZZ_SECONDS:-60}
out=build/fuzz
mkdir -p $out

names=("$@")
if [ ${#names[@]} = 0 ]; then
    for source in tests/fuzz/fuzz_*.cpp; do
        name=${source##*/fuzz_}
        names+=("${name%.cpp}")
    done
fi

flags=(-std=c++20 -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Iinclude -pthread
       $(pkg-config --cflags eigen3))
failed=()
for name in "${names[@]}"; do
    echo "== $name"
    clang++ "${flags[@]}" "tests/fuzz/fuzz_$name.cpp" -o "$out/$name" $(pkg-config --libs libutf8proc zlib) \
        $(pkg-config --silence-errors --libs libavformat libavcodec libavutil libswscale || true)
    mkdir -p "$out/corpus/$name"
    seeds=()
    [ ! -d "tests/fuzz/seeds/$name" ] || seeds+=("tests/fuzz/seeds/$name")
    more=SVAD_FUZZ_SEEDS_$name
    [ -z "${!more:-}" ] || { mkdir -p "$out/seeds/$name"; cp ${!more} "$out/seeds/$name/"; seeds+=("$out/seeds/$name"); }
    if ! "$out/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="$out/$name-" "$out/corpus/$name" ${seeds[@]+"${seeds[@]}"} >"$out/$name.log" 2>&1; then
        failed+=("$name")
        grep -E "ERROR|SUMMARY|runtime error|Test unit" "$out/$name.log" | head -5
    fi
    grep -E "number_of_executed_units|average_exec_per_sec" "$out/$name.log" || true
done
if [ ${#failed[@]} -gt 0 ]; then
    echo "fuzz: failed: ${failed[*]}; see $out/NAME.log" >&2
    exit 1
fi
echo "fuzz: ${#names[@]} of ${#names[@]} clean"
