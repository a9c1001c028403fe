#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes examples/pretrained: the pre-train stage of the demo's model (short statements, blanks, keyword supervision) on
# rendered clips. Seeds are fixed; run it again to go on where it was stopped. Takes about 25 minutes on 2 cores.
#   scripts/pretrain.sh OUT          renders OUT/data where it is missing and leaves the model in OUT/pretrain/model
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# = 1 ] || { echo "usage: scripts/pretrain.sh OUT" >&2; exit 2; }
svad=${SVAD:-build/release/svad}
[ -x "$svad" ] || { echo "pretrain: $svad is missing; build it: cmake --build build/release --target svad_tool" >&2; exit 1; }

$svad synth --out "$1/data" --pretrain 8000
$svad train --stage pretrain --out "$1/pretrain" --primary "$1/data/pretrain.jsonl" \
    --steps 4500 --batch 16 --rate 1e-3 --lambda-k 1 --lambda-words 3 --weights bf16
