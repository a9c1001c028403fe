// SPDX-License-Identifier: Apache-2.0
// Any bytes as a .model file and as a text: ids or an error. The first two bytes say where the text starts.
#include "svad/text/sentencepiece.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::string_view all{reinterpret_cast<const char*>(data) + 2, size - 2};
    const std::size_t cut = (data[0] + 256u * data[1]) % (all.size() + 1);
    try {
        const auto model = svad::text::SentencePiece::parse(all.substr(0, cut), "fuzz");
        const std::string_view text = all.substr(cut);
        const auto pieces = model.encode(text);
        if (pieces.ids.size() != pieces.offsets.size()) std::abort();
        for (const auto& bytes : pieces.offsets)
            if (bytes.first > bytes.second || bytes.second > text.size()) std::abort();
        (void)model.decode(pieces.ids);
    } catch (const svad::Error&) {
    }
    return 0;
}
