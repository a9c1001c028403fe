// SPDX-License-Identifier: Apache-2.0
#include "svad/data/loader.hpp"

#include "data/records.hpp"

#include <doctest/doctest.h>

#include <set>

using namespace svad;
using namespace svad::data;

namespace {

template <class T>
bool same(const Tensor<T>& a, const Tensor<T>& b) {
    return a.shape() == b.shape() && std::equal(a.begin(), a.end(), b.begin());
}

bool same(const Batch& a, const Batch& b) {
    return same(a.frames, b.frames) && same(a.description.ids, b.description.ids) && same(a.fill.ids, b.fill.ids) &&
           same(a.fill.labels, b.fill.labels) && same(a.classes, b.classes) && same(a.words, b.words) && a.primary == b.primary;
}

}  // namespace

TEST_CASE("loader: batch k is the same on one worker, on three, and when the run begins with it") {
    const Records set;
    const KeywordKinds kinds = KeywordKinds::of(set.primary);
    Loader one(set.primary, set.auxiliary, set.tokenizer, kinds, Records::frames(), {.batch = 4});
    Loader three(set.primary, set.auxiliary, set.tokenizer, kinds, Records::frames(), {.batch = 4, .workers = 3});
    Loader late(set.primary, set.auxiliary, set.tokenizer, kinds, Records::frames(), {.batch = 4}, 5);
    for (Index k = 0; k < 8; ++k) {
        const Batch a = one.next(), b = three.next();
        CHECK(a.number == k);
        CHECK(same(a, b));
        if (k >= 5) CHECK(same(a, late.next()));
    }
}

TEST_CASE("loader: an epoch shows every clip once, and the next one in another order") {
    const Records set(6, 0);
    Loader loader(set.primary, {}, set.tokenizer, {}, Records::frames(), {.batch = 6});
    const Batch first = loader.next(), second = loader.next();
    CHECK(loader.epoch() == 1);
    const auto starts = [](const Batch& b) {
        std::vector<float> values;
        for (Index i = 0; i < 6; ++i) values.push_back(b.frames(i, 0, 0, 0, 0) + b.frames(i, 0, 1, 3, 3) * 17);
        return values;
    };
    const std::vector<float> a = starts(first), b = starts(second);
    CHECK(std::set<float>(a.begin(), a.end()) == std::set<float>(b.begin(), b.end()));
    CHECK(a != b);
}

TEST_CASE("loader: a broken clip is replaced, counted once and named") {
    const Records set(6, 0);
    Loader loader(set.primary, {}, set.tokenizer, {}, Records::frames({"clip2"}), {.batch = 6});
    for (int k = 0; k < 4; ++k) CHECK(loader.next().frames.size(0) == 6);
    CHECK(loader.skipped() == std::vector<std::string>{"clip2: is broken"});
}

TEST_CASE("loader: where no clip can be decoded, the reason of the first arrives") {
    const Records set(2, 0);
    Loader loader(set.primary, {}, set.tokenizer, {}, Records::frames({"clip0", "clip1"}), {.batch = 2});
    CHECK_THROWS_WITH_AS(loader.next(), doctest::Contains("is broken"), UsageError);
}

TEST_CASE("loader: primary rows come first and the shares are kept") {
    const Records set;
    Loader loader(set.primary, set.auxiliary, set.tokenizer, {}, Records::frames(), {.batch = 4, .auxiliary_share = 0.25});
    CHECK(loader.next().primary == 3);
}

TEST_CASE("text_row: labels are the target and <eos>, each predicted from the position before it") {
    const Records set;
    const TextRow row = text_row(set.tokenizer, "a", "red jar", 100);
    const auto target = set.tokenizer.encode(" red jar");
    const std::size_t start = set.tokenizer.encode("a").size();
    REQUIRE(row.ids.size() == row.labels.size());
    REQUIRE(row.ids.size() == start + target.size());
    for (std::size_t i = 0; i < row.labels.size(); ++i) {
        if (i + 1 < start) CHECK(row.labels[i] == ignore);
        else if (i + 1 < row.ids.size()) CHECK(row.labels[i] == row.ids[i + 1]);
        else CHECK(row.labels[i] == set.tokenizer.id("<eos>"));
    }
    CHECK(text_row(set.tokenizer, "a", "red jar", 2).ids.size() == 2);
}

TEST_CASE("keyword_ids: each record's keywords as they stand in a sentence, each token once, and padding behind") {
    const Records set;
    Record more = set.primary[0];
    more.keywords = {{"jar", "object"}, {"jar", "object"}};
    const Tensor<std::int32_t> ids = keyword_ids(set.tokenizer, {&set.primary[0], &more});
    std::set<std::int32_t> first, jar;
    for (const std::int32_t id : set.tokenizer.encode(" jar")) jar.insert(id);
    first = jar;
    for (const std::int32_t id : set.tokenizer.encode(" red")) first.insert(id);
    REQUIRE(ids.shape() == Shape{2, static_cast<Index>(first.size())});
    CHECK(std::equal(first.begin(), first.end(), ids.data()));
    CHECK(std::equal(jar.begin(), jar.end(), ids.data() + first.size()));
    for (Index i = static_cast<Index>(jar.size()); i < ids.size(1); ++i) CHECK(ids(1, i) == ignore);
    CHECK(keyword_ids(set.tokenizer, {}).shape() == Shape{0, 1});
}

TEST_CASE("collate: short rows are padded, and padding counts nowhere") {
    const TextBatch b = collate({{{5, 6, 7}, {6, 7, 2}}, {{5}, {2}}, {}}, 1);
    CHECK(b.ids.shape() == Shape{3, 3});
    CHECK(std::vector<std::int32_t>(b.ids.begin(), b.ids.end()) == std::vector<std::int32_t>{5, 6, 7, 5, 1, 1, 1, 1, 1});
    CHECK(std::vector<std::int32_t>(b.labels.begin(), b.labels.end()) ==
          std::vector<std::int32_t>{6, 7, 2, 2, ignore, ignore, ignore, ignore, ignore});
}
