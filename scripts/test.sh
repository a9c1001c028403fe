#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds the release preset and runs every test: the one command behind "it works".
# Arguments go to ctest: `scripts/test.sh -R ops`. SVAD_JOBS bounds the parallel jobs (default: all processors).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/install_packages.sh

jobs=${SVAD_JOBS:-$(nproc)}
generator=()
if [ ! -f build/release/CMakeCache.txt ] && command -v ninja >/dev/null; then
    generator=(-G Ninja)
fi
cmake --preset release "${generator[@]}"
cmake --build --preset release --parallel "$jobs"
ctest --preset release --output-on-failure --parallel "$jobs" "$@"

# More reference results are not part of the repository; where they lie beside it, they are checked too.
goldens=../shared/goldens
if [ -d $goldens/ops ]; then
    models=(vit clip dinov2 dinov2_swiglu siglip_vision eva_clip_g videochat_gmhra videochat_gmhra_lmhra uniformerv2 bert blip2_qformer llama_mha llama_gqa llama_rope_llama3
            baichuan_7b baichuan_13b baichuan2_7b baichuan2_13b gpt2 qwen2 qwen_v1 opt
            llava video_llava blip2_opt instructblipvideo qwen_vl_visual qwen2_vl git_video clip_vip)
    build/release/tests/goldens $goldens/ops "${models[@]/#/$goldens/models/}" $goldens/text/metrics $goldens/text/tokenizers $goldens/text/captions $goldens/video
fi
