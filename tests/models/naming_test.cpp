// SPDX-License-Identifier: Apache-2.0
#include "svad/models/naming.hpp"

#include "svad/autograd/gradcheck.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace svad;

namespace {

using Ids = Tensor<std::int32_t>;

Decoder decoder_f64() {
    Decoder decoder({.vocabulary = 20, .width = 8, .depth = 0, .heads = 2, .hidden = 16});
    init(decoder, 3);
    to(decoder, DType::f64);
    return decoder;
}

/// Two clips, two vectors each: their own words, in a scale of their own.
Var own_words(const Decoder& decoder, const Ids& ids) { return decoder.embed(ids) * 7.0; }

}  // namespace

TEST_CASE("naming: the gradient of the prefix is that of the loss, and word vectors get none") {
    const Decoder decoder = decoder_f64();
    const Ids words({2, 3}, {4, 9, -100, 9, 11, 17});
    const auto loss = [&](const std::vector<Var>& in) { return naming_loss(decoder, in[0], words, 0.5); };
    CHECK(gradient_error(loss, {random_f64({2, 3, 8}, -1, 1, 5)}) < 1e-7);
    const Var prefix = random_f64({2, 3, 8}, -1, 1, 5).leaf("prefix");
    backward(naming_loss(decoder, prefix, words));
    CHECK(prefix.grad());
    for (const auto& [path, p] : parameters(const_cast<Decoder&>(decoder))) CHECK_FALSE(p->var().grad());
}

TEST_CASE("naming: the loss of two clips is the mean of -log softmax over their words, by hand") {
    const Decoder decoder = decoder_f64();
    const Var prefix = random_f64({2, 2, 8}, -1, 1, 6);
    const Tensor<double> p = prefix.to<double>(), e = decoder.embed(Ids({1, 3}, {4, 9, 11})).to<double>();
    const auto cosine = [&](Index b, Index q, Index w) {
        double dot = 0, pp = 0, ee = 0;
        for (Index d = 0; d < 8; ++d) dot += p(b, q, d) * e(0, w, d), pp += p(b, q, d) * p(b, q, d), ee += e(0, w, d) * e(0, w, d);
        return dot / std::sqrt(pp * ee);
    };
    double expected = 0;
    for (const auto& [b, word] : {std::pair<Index, Index>{0, 0}, {0, 1}, {1, 1}, {1, 2}}) {         // words 4, 9 and 9, 11
        double sum = 0, own = 0;
        for (Index w = 0; w < 3; ++w) {
            const double score = std::exp(std::max(cosine(b, 0, w), cosine(b, 1, w)) / 0.1);
            sum += score;
            if (w == word) own = score;
        }
        expected -= std::log(own / sum) / 4;
    }
    CHECK(naming_loss(decoder, prefix, Ids({2, 2}, {4, 9, 9, 11}), 0.1).item() == doctest::Approx(expected).epsilon(1e-12));
}

TEST_CASE("naming: a prefix of a clip's own words costs less than one of another clip's, in whatever scale") {
    const Decoder decoder = decoder_f64();
    const Ids words({2, 2}, {4, 9, 11, 17}), others({2, 2}, {11, 17, 4, 9});
    const double own = naming_loss(decoder, own_words(decoder, words), words).item();
    CHECK(own < 0.8);                                           // two words share the probability: at least log 2
    CHECK(own >= std::log(2.0));
    CHECK(naming_loss(decoder, own_words(decoder, others), words).item() > own + 2);
    CHECK(naming_loss(decoder, own_words(decoder, words) * 0.01, words).item() == doctest::Approx(own).epsilon(1e-9));
}

TEST_CASE("naming: padding and the order of a clip's words change nothing; without words the loss is zero") {
    const Decoder decoder = decoder_f64();
    const Var prefix = random_f64({2, 3, 8}, -1, 1, 7);
    const double loss = naming_loss(decoder, prefix, Ids({2, 2}, {4, 9, 11, -100})).item();
    CHECK(naming_loss(decoder, prefix, Ids({2, 3}, {9, -100, 4, -100, 11, -100})).item() == doctest::Approx(loss).epsilon(1e-12));
    CHECK(naming_loss(decoder, prefix, Ids({2, 1}, {-100, -100})).item() == 0);
    CHECK_THROWS_WITH_AS((void)naming_loss(decoder, prefix, Ids({3, 1}, {1, 2, 3})), doctest::Contains("[2, words]"), ShapeError);
}
