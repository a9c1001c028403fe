// SPDX-License-Identifier: Apache-2.0
// libFuzzer entry: any bytes as a tokenizer.json give a tokenizer that encodes and decodes, or a FormatError. The bytes
// behind the last NUL are the text.
#include "svad/text/tokenizer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace svad;
    const std::string_view input{reinterpret_cast<const char*>(data), size};
    const std::size_t end = std::min(input.rfind('\0'), input.size());
    const std::string_view text = input.substr(std::min(end + 1, input.size()));
    try {
        const auto tokenizer = text::Tokenizer::parse(input.substr(0, end), "input");
        const text::Encoding all = tokenizer.encode_with(text, {.specials = text::Specials::as_tokens, .lengths = true});
        for (const text::Span span : all.offsets)
            if (span.begin > span.end || span.end > text.size()) __builtin_trap();
        const std::vector<std::int32_t> ids = tokenizer.encode(text);
        for (const std::int32_t id : ids)
            if (id < 0 || id >= tokenizer.vocabulary()) __builtin_trap();
        (void)tokenizer.decode(ids);
        (void)tokenizer.encode_pair(text, "a b");
    } catch (const io::FormatError&) {
    } catch (const UsageError&) {   // an id of a template that is not in the vocabulary
    }
    return 0;
}
