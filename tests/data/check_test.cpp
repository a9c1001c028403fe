// SPDX-License-Identifier: Apache-2.0
// Findings on annotations: each fault by an example of it, and none for a good description.
#include "svad/data/check.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace svad;
using namespace svad::data;
using text::Upos;

namespace {

/// Words separated by blanks with their tags in order.
CheckedText item(const std::string& id, const std::string& words, const std::vector<Upos>& tags) {
    CheckedText out{id, words, true, {}};
    std::size_t at = 0;
    for (const Upos tag : tags) {
        const std::size_t end = std::min(words.find(' ', at), words.size());
        out.words.push_back({at, end, tag});
        at = end + 1;
    }
    return out;
}

std::set<std::string> faults(const CheckedText& one, const CheckOptions& options = {}) {
    std::set<std::string> out;
    for (const Finding& f : check_annotations(std::span{&one, 1}, options)) out.insert(std::string(name_of(f.fault)));
    return out;
}

const CheckedText good = item("a", "A young man lifts the cup and drinks .",
                              {Upos::det, Upos::adj, Upos::noun, Upos::verb, Upos::det, Upos::noun, Upos::cconj, Upos::verb, Upos::punct});

}  // namespace

TEST_CASE("check: a description with a detailed subject and ordered movements has no finding") {
    CHECK(faults(good, {.language = "en"}).empty());
}

TEST_CASE("check: what is missing, empty, short or in another language is found") {
    CHECK(faults({"a", "", false, {}}) == std::set<std::string>{"missing"});
    CHECK(faults({"a", "  . ", true, {}}) == std::set<std::string>{"empty"});
    CHECK(faults(good, {.least_words = 9}) == std::set<std::string>{"too_short"});   // eight words without the stop
    CHECK(faults(good, {.language = "zh"}) == std::set<std::string>{"wrong_language"});
    CHECK(han_share("一个男人 TV") == doctest::Approx(4.0 / 6));
    CHECK(han_share("123") == 0);
}

TEST_CASE("check: the two rules of a description") {
    CHECK(faults(item("a", "The man lifts it and drinks quickly", {Upos::det, Upos::noun, Upos::verb, Upos::pron, Upos::cconj, Upos::verb, Upos::adv})) ==
          std::set<std::string>{"no_detail"});
    CHECK(faults(item("a", "It goes up and comes down", {Upos::pron, Upos::verb, Upos::adv, Upos::cconj, Upos::verb, Upos::adv})) ==
          std::set<std::string>{"no_subject"});
    CHECK(faults(item("a", "A red car on the road", {Upos::det, Upos::adj, Upos::noun, Upos::adp, Upos::det, Upos::noun})) == std::set<std::string>{"no_order"});
    CHECK(faults(item("a", "Finally two dogs run home again", {Upos::adv, Upos::num, Upos::noun, Upos::verb, Upos::adv, Upos::adv})).empty());
}

TEST_CASE("check: of equal descriptions all but the first are duplicates, whatever their case and spacing") {
    std::vector<CheckedText> items{good, good, good};
    items[1].id = "b", items[2].id = "c";
    items[2].text = "a YOUNG man  lifts the cup and drinks";
    const std::vector<Finding> found = check_annotations(items);
    REQUIRE(found.size() >= 2);
    CHECK(found[0].id == "b");
    CHECK(found[0].fault == Fault::duplicate);
    CHECK(found[0].why == "the same words as a");
    CHECK(found.back().id == "c");
    CHECK(found.back().fault == Fault::duplicate);
}
