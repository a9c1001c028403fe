// SPDX-License-Identifier: Apache-2.0
// Fingerprints survive what copies of a video go through, and groups are the connected copies.
#include "svad/core/random.hpp"
#include "svad/data/fingerprint.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::data;

namespace {

/// A 7 x 7 patchwork of random greys, which is another for every seed.
Tensor<std::uint8_t> scene(Index h, Index w, int seed) {
    Random random{static_cast<std::uint64_t>(seed)};
    int patch[7][7];
    for (auto& row : patch)
        for (int& v : row) v = static_cast<int>(random.below(220));
    Tensor<std::uint8_t> image({h, w, 3});
    for (Index y = 0; y < h; ++y)
        for (Index x = 0; x < w; ++x)
            for (Index c = 0; c < 3; ++c) image(y, x, c) = static_cast<std::uint8_t>(patch[7 * y / h][7 * x / w] + static_cast<int>(c));
    return image;
}

Fingerprint print_of(int first, int frames, Index h = 90, Index w = 160, int brighter = 0) {
    Fingerprint print;
    for (int i = 0; i < frames; ++i) {
        Tensor<std::uint8_t> image = scene(h, w, first + i);
        for (std::uint8_t& v : image) v = static_cast<std::uint8_t>(std::min(255, v + brighter));
        add_frame(print, image);
    }
    return print;
}

}  // namespace

TEST_CASE("fingerprint: scaled and brighter copies are near duplicates, other videos are not") {
    const Fingerprint original = print_of(1, 8);
    REQUIRE(original.size() == 8);
    CHECK(near_duplicates(original, print_of(1, 8, 240, 426)));
    CHECK(near_duplicates(original, print_of(1, 8, 90, 160, 12)));
    CHECK(near_duplicates(original, print_of(4, 5)));   // a trimmed copy: its frames are elsewhere
    CHECK_FALSE(near_duplicates(original, print_of(40, 8)));
    CHECK_FALSE(near_duplicates(original, {}));
}

TEST_CASE("fingerprint: frames of one colour tell nothing") {
    Fingerprint print;
    add_frame(print, Tensor<std::uint8_t>({20, 30, 3}));
    CHECK(print.empty());
    CHECK_THROWS_AS(add_frame(print, Tensor<std::uint8_t>({20, 30})), ShapeError);
}

TEST_CASE("duplicate groups: copies of copies are one group, named by the first") {
    const std::vector<Fingerprint> prints{print_of(40, 8), print_of(1, 8), {}, print_of(1, 8, 200, 300), print_of(80, 8), print_of(1, 8, 90, 160, 9), {}};
    const std::vector<std::size_t> groups = duplicate_groups(prints), want{0, 1, 2, 1, 4, 1, 6};
    for (std::size_t i = 0; i < want.size(); ++i) CHECK(groups[i] == want[i]);
    CHECK(duplicate_groups({}).empty());
}
