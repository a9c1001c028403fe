// SPDX-License-Identifier: Apache-2.0
// libFuzzer entry: any bytes as tiktoken ranks, CLIP's merges or a vocab.txt give a tokenizer or a FormatError, and a
// tokenizer that has all bytes gives any bytes back.
#include "svad/text/tokenizer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace svad;
    const std::string_view input{reinterpret_cast<const char*>(data), size};
    try {
        const text::Tokenizer t{text::read_tiktoken(input, text::split_patterns[3].text, {}, "input")};
        const std::string_view text = input.substr(0, 200);
        const std::vector<std::int32_t> ids = t.encode(text);
        if (t.covers_all_bytes() && t.decode(ids) != text) __builtin_trap();
    } catch (const io::FormatError&) {
    }
    try {
        const text::Tokenizer t{text::read_clip_merges(input, "input")};
        (void)t.encode(input.substr(0, 100));
    } catch (const io::FormatError&) {
    }
    try {
        const text::Tokenizer t{text::read_wordpiece_vocab(input, true, "input")};
        (void)t.encode(input.substr(0, 100));
    } catch (const io::FormatError&) {
    }
    return 0;
}
