#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How long svad takes to compile, as ratios to a baseline file compiled in the same run: machines are noisy, and a
# ratio to work of the same kind is not. Fails where a ratio is above its limit. Needs nothing that is built.
# The limits are 1.3 times what was measured; lower them when the figure falls.
#   bench/compile_time.sh [compiler]     (default: c++)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
compiler=${1:-c++}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
read -ra flags <<<"-std=c++20 -Iinclude $(pkg-config --cflags eigen3 libutf8proc)"

# Least wall time of three runs, in milliseconds.
milliseconds() {
    local best=0 start took
    for _ in 1 2 3; do
        start=$(date +%s%N)
        "$compiler" "${flags[@]}" -c -o /dev/null "$@"
        took=$((($(date +%s%N) - start) / 1000000))
        if [ "$best" = 0 ] || [ "$took" -lt "$best" ]; then best=$took; fi
    done
    echo "$best"
}

# The baseline: the parts of the standard library that every svad header stands on, and one instantiation of each.
cat >"$work/baseline.cpp" <<'CPP'
#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>
double baseline(std::vector<std::string> v, std::map<std::string, int> m, std::unordered_map<int, double> u) {
    std::sort(v.begin(), v.end());
    std::mutex lock;
    std::thread t([&] { const std::lock_guard hold{lock}; m[v.front()] = 1; });
    t.join();
    return u[m.begin()->second] + *std::make_shared<double>(1.0);
}
CPP
echo '#include "svad/svad.hpp"' >"$work/include.cpp"
baseline=$(milliseconds -O0 "$work/baseline.cpp")
echo "baseline: $baseline ms"

failed=0
# measure NAME LIMIT arguments...
measure() {
    local name=$1 limit=$2 took
    shift 2
    took=$(milliseconds "$@")
    awk -v name="$name" -v took="$took" -v baseline="$baseline" -v limit="$limit" 'BEGIN {
        ratio = took / baseline
        slow = (ratio > limit)
        printf("%-42s %6d ms  %5.1f x baseline, limit %s%s\n", name, took, ratio, limit, slow ? "  TOO SLOW" : "")
        exit slow
    }' || failed=1
}
measure "svad.hpp, -O0, header-only" 17 -O0 "$work/include.cpp"
measure "svad.hpp, -O0, precompiled ops" 9 -O0 -DSVAD_PRECOMPILED=1 "$work/include.cpp"
if [ -f examples/05_describe_video.cpp ]; then
    measure "05_describe_video, -O2, header-only" 40 -O2 examples/05_describe_video.cpp
    measure "05_describe_video, -O2, precompiled ops" 28 -O2 -DSVAD_PRECOMPILED=1 examples/05_describe_video.cpp
fi
exit "$failed"
