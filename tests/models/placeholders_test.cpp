// SPDX-License-Identifier: Apache-2.0
// Placeholders: which vectors are replaced, in which order, and what does not fit.
#include "svad/models/placeholders.hpp"

#include "svad/autograd/backward.hpp"
#include "svad/ops/reduce.hpp"

#include "doctest/doctest.h"

using namespace svad;

namespace {

const Tensor<std::int32_t> ids({2, 3}, {9, 1, 9, 2, 9, 3});                     // 9 is the placeholder

std::vector<float> values(const Var& x) {
    const Tensor<float> t = x.to<float>();
    return {t.begin(), t.end()};
}

Var words() { return Tensor<float>({2, 3, 2}, {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5}); }
Var features() { return Tensor<float>({3, 1, 2}, {10, 11, 20, 21, 30, 31}); }

}  // namespace

TEST_CASE("features take the places of placeholders in order of appearance over the batch") {
    CHECK(values(fill_placeholders(words(), ids, 9, features())) == std::vector<float>{10, 11, 1, 1, 20, 21, 3, 3, 30, 31, 5, 5});
}

TEST_CASE("gradients go to the features and to the words that stayed, and nowhere else") {
    const Var w = words().leaf(), f = features().leaf();
    backward(sum(fill_placeholders(w, ids, 9, f)));
    CHECK(values(w.grad()) == std::vector<float>{0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1});
    CHECK(values(f.grad()) == std::vector<float>{1, 1, 1, 1, 1, 1});
}

TEST_CASE("one placeholder too many or too few is an error that counts both") {
    const Var two = features().slice(0, 0, 2);
    CHECK_THROWS_WITH_AS((void)fill_placeholders(words(), ids, 9, two), doctest::Contains("3 placeholders (id 9) for 2 visual tokens"), ShapeError);
    CHECK_THROWS_WITH_AS((void)fill_placeholders(words(), ids, 8, two), doctest::Contains("0 placeholders (id 8) for 2"), ShapeError);
    CHECK_THROWS_WITH_AS((void)fill_placeholders(words(), ids, 9, Var()), doctest::Contains("3 placeholders (id 9) for 0"), ShapeError);
}

TEST_CASE("a text without pictures stays what it is") {
    CHECK(values(fill_placeholders(words(), ids, 7, Var())) == values(words()));
}
