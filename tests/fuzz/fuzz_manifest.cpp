// SPDX-License-Identifier: Apache-2.0
// Any bytes as a file of captions, scored against itself where each id has one: values stay finite.
#include "svad/metrics/caption_files.hpp"
#include "svad/metrics/signature.hpp"

#include <cmath>
#include <cstdlib>

using namespace svad;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* bytes, std::size_t size) {
    try {
        const auto file = metrics::parse_captions({reinterpret_cast<const char*>(bytes), size}, "fuzz");
        const auto pairs = metrics::pair_captions(file, file, metrics::Missing::skip);
        const auto scores = metrics::score_captions(pairs.items);
        for (const double value : metrics::score_values(scores))
            if (!std::isfinite(value) || value < 0) std::abort();
        if (metrics::signature(0, pairs.items).empty()) std::abort();
    } catch (const io::FormatError&) {
    }
    return 0;
}
