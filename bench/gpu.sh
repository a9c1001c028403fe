#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One command for a machine with a GPU, about nine minutes: builds for that GPU, runs every op, model and kernel case and the
# goldens there against the CPU, measures kernels against the memory's speed, and a training step and decoding beside PyTorch
# if it is installed. One table at the end. Without a GPU it says so, runs the same tests on the executor, and exits 0.
#   bench/gpu.sh [--out FOLDER]        SVAD_JOBS: parallel jobs (default: all processors)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=build/gpu_report
[ "${1:-}" = --out ] && out=$2
mkdir -p "$out"
jobs=${SVAD_JOBS:-$(nproc)}
started=$SECONDS limit=540 failed=0
declare -a rows=()

# part NAME SECONDS COMMAND...: runs within what is left of the time; its output goes to $out/NAME.log.
part() {
    local name=$1 wanted=$2 begun=$SECONDS left=$((limit - (SECONDS - started))) verdict
    shift 2
    if [ "$left" -lt 10 ]; then
        rows+=("$(printf '%-18s %6s  %s' "$name" - 'not run: out of time')")
        return 1
    fi
    timeout "$((wanted < left ? wanted : left))" "$@" >"$out/$name.log" 2>&1
    case $? in
    0) verdict=ok ;;
    77) verdict='skipped' ;;
    124) verdict='out of time' failed=1 ;;
    *) verdict="FAILED, see $out/$name.log" failed=1 ;;
    esac
    rows+=("$(printf '%-18s %5ds  %s' "$name" $((SECONDS - begun)) "$verdict")")
    [ "$verdict" = ok ]
}

table() {
    echo
    printf '%s\n' "${rows[@]}"
    for log in "$out"/measure.log "$out"/peers.log; do
        [ -f "$log" ] && echo && cat "$log"
    done
    echo "took $((SECONDS - started)) s"
}

if ! command -v nvidia-smi >/dev/null || ! nvidia-smi -L >/dev/null 2>&1 || [ -z "$(nvidia-smi -L)" ]; then
    echo "there is no GPU on this machine: the kernels run on the executor"
    limit=3600
    configure=(cmake --preset release)
    [ -f build/release/CMakeCache.txt ] || ! command -v ninja >/dev/null || configure+=(-G Ninja)
    part configure 120 "${configure[@]}" && part build 3000 cmake --build build/release --parallel "$jobs" --target cuda_tests cuda_backend &&
        part kernels 600 build/release/tests/cuda_tests && part backend 600 build/release/tests/cuda_backend
    table
    exit $failed
fi

nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.mem,memory.total --format=csv,noheader | tee "$out/machine.txt"
configure=(cmake -S . -B build/gpu -DCMAKE_BUILD_TYPE=Release -DSVAD_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES=native -DSVAD_EXAMPLES=OFF)
[ -f build/gpu/CMakeCache.txt ] || ! command -v ninja >/dev/null || configure+=(-G Ninja)
part configure 60 "${configure[@]}" &&
    part build 240 cmake --build build/gpu --parallel "$jobs" --target cuda_device_tests cuda_backend_device bench_gpu || {
    table
    exit 1
}
part kernels 90 build/gpu/tests/cuda_device_tests
part backend 90 build/gpu/tests/cuda_backend_device
part measure 120 build/gpu/bench/gpu
python=${SVAD_PYTHON:-python3}
if "$python" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
    part peers 120 "$python" bench/gpu.py
else
    rows+=("$(printf '%-18s %6s  %s' peers - 'not run: no PyTorch that sees the GPU (SVAD_PYTHON names the interpreter)')")
fi
table
exit $failed
