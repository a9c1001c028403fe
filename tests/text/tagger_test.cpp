// SPDX-License-Identifier: Apache-2.0
// The tagger: what it must learn, any words, files that are damaged.
#include "svad/text/tagger.hpp"

#include <doctest/doctest.h>

using namespace svad;
using text::Tagger;
using Words = std::vector<std::string_view>;

namespace {

Tagger small_tagger(std::uint64_t seed = 1) {
    const auto sentences = text::parse_treebank("the\tDET\ndog\tNOUN\nruns\tVERB\n\na\tDET\nrun\tNOUN\nhelps\tVERB\n\n"
                                                "dogs\tNOUN\nrun\tVERB\n\nthe\tDET\nrun\tNOUN\nends\tVERB\n\ncats\tNOUN\nrun\tVERB\n", "t");
    text::TaggerOptions options;
    options.epochs = 20, options.learners = 1, options.slots = 20'000, options.seed = seed;
    return Tagger::train(sentences, options);
}

}  // namespace

TEST_CASE("Tagger: the same word gets its tag from its neighbours") {
    const Tagger tagger = small_tagger();
    using enum text::Upos;
    CHECK(tagger(Words{"the", "run", "helps"}) == std::vector{det, noun, verb});
    CHECK(tagger(Words{"dogs", "run"}) == std::vector{noun, verb});
}

TEST_CASE("Tagger: any words get a tag each") {
    const Tagger tagger = small_tagger();
    const std::string nul(3, '\0'), huge(100'000, 'a');
    CHECK(tagger(Words{}).empty());
    CHECK(tagger(Words{"", "\xFF\xC0", nul, huge, "\xE4\xB8"}).size() == 5);
    CHECK(tagger(Words(5'000, "dog")).size() == 5'000);
}

TEST_CASE("Tagger: training is a function of sentences and seed, and a file round trip keeps every byte") {
    const std::string bytes = small_tagger().bytes();
    CHECK(small_tagger().bytes() == bytes);
    CHECK(small_tagger(2).bytes() != bytes);
    CHECK(Tagger::parse(bytes, "t").bytes() == bytes);
    CHECK_THROWS_AS((void)Tagger::train({}), UsageError);
}

TEST_CASE("Tagger: a file that is cut, longer or changed in any byte is refused") {
    const std::string bytes = small_tagger().bytes();
    for (std::size_t n = 0; n < bytes.size(); n += 97) CHECK_THROWS_AS((void)Tagger::parse(bytes.substr(0, n), "t"), io::FormatError);
    CHECK_THROWS_AS((void)Tagger::parse(bytes + "x", "t"), io::FormatError);
    for (std::size_t at = 0; at < bytes.size(); at += at < 64 ? 1 : 499) {
        std::string changed = bytes;
        changed[at] = static_cast<char>(changed[at] ^ 0x40);
        CHECK_THROWS_AS((void)Tagger::parse(changed, "t"), io::FormatError);
    }
}
