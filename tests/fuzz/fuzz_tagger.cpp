// SPDX-License-Identifier: Apache-2.0
// libFuzzer entry: any bytes as models and treebanks give a value or a FormatError; any text gets a tag for each word,
// and words that cover it.
#include "svad/text/segmenter.hpp"
#include "svad/text/tagger.hpp"

namespace {

using namespace svad::text;

template <class Parse>
void try_parse(Parse parse) {
    try {
        parse();
    } catch (const svad::io::FormatError&) {
    }
}

const std::vector<TaggedSentence> lesson{{{"我们", "run"}, {Upos::pron, Upos::verb}}};

TaggerOptions small() {
    TaggerOptions options;
    options.epochs = 2, options.learners = 1, options.slots = 4096;
    return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Tagger tagger = Tagger::train(lesson, small());
    static const Segmenter segmenter = Segmenter::train(lesson, small());
    const std::string_view bytes{reinterpret_cast<const char*>(data), size};
    try_parse([&] { (void)Tagger::parse(bytes, "input"); });
    try_parse([&] { (void)Segmenter::parse(bytes, "input"); });
    try_parse([&] { (void)parse_treebank(bytes, "input"); });
    const auto words = segmenter(bytes);
    const char* at = bytes.data();
    for (const std::string_view word : words) {
        if (word.empty() || word.data() < at || word.data() + word.size() > bytes.data() + bytes.size()) __builtin_trap();
        at = word.data() + word.size();
    }
    if (tagger(words).size() != words.size()) __builtin_trap();
    return 0;
}
