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

# The large reference results are not part of the repository; where they lie beside it, they are checked too.
if [ -d ../shared ] && [ -x build/release/tests/goldens ]; then
    build/release/tests/goldens ../shared/goldens
fi
