// SPDX-License-Identifier: Apache-2.0
// Any bytes as a caption: the Penn Treebank tokenizer, in both cases of letters, and the scorers' words.
#include "svad/text/ptb.hpp"

#include <cstdlib>

using namespace svad;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* bytes, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(bytes), size};
    const auto tokens = text::ptb_tokenize(text);
    for (const std::string& token : tokens)
        if (token.empty() || token.find_first_of(" \n") != std::string::npos || text::find_invalid_utf8(token) < token.size()) std::abort();
    const std::string_view half = text.substr(0, size / 2);
    if (text::ptb_tokenize(half, {.lower_case = false, .next_line = text.substr(size / 2)}).size() > 2 * half.size()) std::abort();
    (void)text::ptb_tokenize(text, {.end_of_input = true});
    if (text::caption_words(text).find("  ") != std::string::npos) std::abort();
    return 0;
}
