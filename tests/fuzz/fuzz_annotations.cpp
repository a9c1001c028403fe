// SPDX-License-Identifier: Apache-2.0
// Any bytes as an annotated set: its rows, their words in every cut, and the statistics of them.
#include "svad/data/annotations.hpp"
#include "svad/data/statistics.hpp"

#include <cstdlib>

using namespace svad;

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* bytes, std::size_t size) {
    data::StatisticsPass pass({.groups = data::thulac_groups()});
    try {
        (void)data::parse_annotations({reinterpret_cast<const char*>(bytes), size}, "fuzz", [&](const data::AnnotationRow& row) {
            const auto words = text::blank_words(row.tokens.value_or(row.caption));
            const auto tags = text::blank_words(row.tokens ? row.tags.value_or("") : "");
            const std::string plain = text::plain_words(row.caption);
            if (plain.find("  ") != std::string::npos || text::characters(row.caption).size() > row.caption.size()) std::abort();
            data::Annotation a;
            a.video = row.video, a.seconds = row.seconds, a.words = words, a.tags = tags;
            a.category = row.category, a.split = row.split;
            pass.add(a);
        });
    } catch (const io::FormatError&) {
    }
    const data::Statistics s = pass.finish();
    if (s.ngrams[0].tokens != s.words || s.ngrams[0].types > s.words) std::abort();
    return 0;
}
