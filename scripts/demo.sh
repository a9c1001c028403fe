#!/usr/bin/env bash
# From a fresh Debian 12 to SVAD-VLM describing clips it never saw: installs what is missing, builds the tool, renders
# a data set of real MP4 files, trains the mixed stage from the shipped pre-trained checkpoint, scores held-out clips
# beside two controls and writes report.html.
#   scripts/demo.sh                  the whole demo (about ten minutes on 2 cores)
#   scripts/demo.sh --from-scratch   runs the pre-train stage too instead of using the shipped checkpoint (half an hour more)
#   scripts/demo.sh --video FILE     describes your own file with the trained model at the end (repeatable)
# Run it again to go on where it was stopped; SVAD_DEMO_DIR (default: build/demo) holds what it makes.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=0
videos=()
while [ $# -gt 0 ]; do
    case "$1" in
        --from-scratch) scratch=1 ;;
        --video) [ $# -ge 2 ] || { echo "demo: --video needs a file" >&2; exit 2; }
                 [ -f "$2" ] || { echo "demo: $2: no such file" >&2; exit 2; }
                 videos+=("$(realpath "$2")"); shift ;;
        -h|--help) sed -n '2,9p' "$0" | sed 's/^# \{0,1\}//'; exit 0 ;;
        *) echo "demo: unknown argument '$1'; see --help" >&2; exit 2 ;;
    esac
    shift
done

started=$SECONDS
step() { printf '\n== %s  (%d:%02d)\n' "$1" $(((SECONDS - started) / 60)) $(((SECONDS - started) % 60)); }

step "packages and build"
scripts/install_packages.sh tool
cmake --preset release -DSVAD_TESTS=OFF -DSVAD_EXAMPLES=ON >/dev/null
cmake --build build/release --target svad_tool -j "$(nproc)"
svad=build/release/svad
out=${SVAD_DEMO_DIR:-build/demo}

step "data set: short advertisements as H.264 MP4 files"
if [ "$scratch" = 1 ]; then
    $svad synth --out "$out/data"
    step "pre-train stage"
    scripts/pretrain.sh "$out"
    model=$out/pretrain/model
else
    $svad synth --out "$out/data" --pretrain 0
    model=examples/pretrained
fi

step "first descriptions, by the pre-trained model"
$svad describe --model "$model" "$out"/data/videos/primary_test/00000[012].mp4

# The frames' encoder stays as pre-trained: training it on this small set makes it forget one object in ten.
step "mixed stage: primary and auxiliary clips, dual alignment, prompt-guided keywords"
$svad train --stage mixed --out "$out/run" --init "$model" \
    --primary "$out/data/primary_train.jsonl" --auxiliary "$out/data/auxiliary_train.jsonl" \
    --steps 1000 --batch 16 --rate 1e-3 --freeze 'encoder.*'

step "held-out clips: scores, controls, report"
$svad evaluate --model "$out/run/model" --data "$out/data/primary_test.jsonl" \
    --constant-from "$out/data/primary_train.jsonl" --run "$out/run" --report "$out/report.html" --out "$out/said.jsonl"
for v in ${videos[@]+"${videos[@]}"}; do $svad describe --model "$out/run/model" "$v"; done
step "done: $out/report.html"
