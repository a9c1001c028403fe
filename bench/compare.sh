#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# svad beside PyTorch on the same work, in turns in one call: every figure, then ratios of the medians (svad's time by that of
# PyTorch's best mode; memory by PyTorch's least), the one that was asked for last.
#
#     PYTHON=/path/to/python-with-torch bench/compare.sh {train|encode|gemm|decode} [demo|small]
#
# ROUNDS: how often each mode runs (9; gemm 3); THREADS: of both sides (2); BUILD: where svad is built (build/release).
# decode with MODEL=file.gguf and llama-cpp-python in PYTHON: that language model, beside llama.cpp (bench/language.py).
set -euo pipefail
cd "$(dirname "$0")/.."

what=${1:-} config=${2:-demo} python=${PYTHON:-python3} build=${BUILD:-build/release} threads=${THREADS:-2}
case "$what" in
    train|encode|decode) program=peer rounds=${ROUNDS:-9} ;;
    gemm) program=gemm rounds=${ROUNDS:-3} ;;
    *) sed -n '3,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
[ "$what" = decode ] && [ -n "${MODEL:-}" ] && program=language

if [ ! -x "$build/bench/$program" ]; then
    if [ -f "$build/CMakeCache.txt" ]; then cmake "$build" >&2; else cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DSVAD_TESTS=OFF -DSVAD_EXAMPLES=OFF >&2; fi
    cmake --build "$build" --target "bench_$program" -j "$(nproc)" >&2
fi
if [ "$program" = language ]; then
    exec "$python" bench/language.py "$MODEL" --svad "$build/bench/language" --threads "$threads" --rounds "$rounds"
fi
exec "$python" bench/compare.py "$what" "$config" "$build/bench/$program" --rounds "$rounds" --threads "$threads"
