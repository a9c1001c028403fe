// SPDX-License-Identifier: Apache-2.0
#include "svad/nn/linear.hpp"

#include <doctest/doctest.h>

using namespace svad;

namespace {

struct Tower {
    std::vector<Linear> layers;
    std::optional<Linear> extra;
    Parameter scale{Shape{2}, Init::ones()};
    Parameter statistics{Shape{2}, Init::zeros(), Parameter::Kind::buffer};

    explicit Tower(bool with_extra, Index depth = 2) : layers(static_cast<std::size_t>(depth), Linear(3, 3)) {
        if (with_extra) extra.emplace(3, 4);
    }
    void visit(auto&& f) {
        f("layers", layers);
        f("extra", extra);
        f("scale", scale);
        f("statistics", statistics);
    }
};

struct Mute {};

std::string paths(Tower& t) {
    std::string all;
    for (const auto& [path, p] : parameters(t)) all += path + " ";
    return all;
}

}  // namespace

TEST_CASE("module: lists count from 0, absent options are not there, names join with dots") {
    Tower t(true);
    CHECK(paths(t) == "layers.0.weight layers.0.bias layers.1.weight layers.1.bias extra.weight extra.bias scale statistics ");
    Tower plain(false);
    CHECK(paths(plain) == "layers.0.weight layers.0.bias layers.1.weight layers.1.bias scale statistics ");
    static_assert(Module<Tower> && !Module<Mute>);
}

TEST_CASE("module: counts leave buffers out and follow freezing") {
    Tower t(true);
    CHECK(parameter_count(t) == 12 + 12 + 16 + 2);
    CHECK(freeze(t, "layers.*.weight") == 2);
    CHECK(parameter_count(t, Count::trainable) == 3 + 3 + 16 + 2);
    CHECK(unfreeze(t, "layers.1.*") == 2);
    CHECK(parameter_count(t, Count::trainable) == 12 + 3 + 16 + 2);
    CHECK_THROWS_AS(freeze(t, "layer.*"), UsageError);
}

TEST_CASE("module: another layer in the middle changes the values of no other layer") {
    Tower a(false), b(true, 3);
    init(a, 5);
    init(b, 5);
    CHECK(a.layers[1].weight.var().data<float>()[4] == b.layers[1].weight.var().data<float>()[4]);
    CHECK(a.layers[0].weight.var().data<float>()[4] != a.layers[1].weight.var().data<float>()[4]);
}

TEST_CASE("module: a copy of a filled module is deep") {
    Tower a(false);
    init(a, 5);
    const Tower b = a;
    a.scale.var().data<float>()[0] = 9;
    CHECK(b.scale.var().data<float>()[0] == 1);
}

TEST_CASE("module: a glob's star also stands for dots") {
    CHECK(detail::glob_match("encoder.*", "encoder.vit.blocks.0.weight"));
    CHECK(detail::glob_match("*.bias", "a.b.bias"));
    CHECK(detail::glob_match("*", ""));
    CHECK(!detail::glob_match("encoder.*", "decoder.x"));
    CHECK(!detail::glob_match("*.bias", "a.bias.x"));
    CHECK(detail::glob_match("a?c*e", "abcdde"));
}

TEST_CASE("module: the summary names the parts, their sizes and what is frozen") {
    Tower t(true);
    freeze(t, "extra.*");
    const std::string text = summary(t);
    CHECK(text.find("layers") != std::string::npos);
    CHECK(text.find("24") != std::string::npos);
    CHECK(text.find("16  frozen") != std::string::npos);
    CHECK(text.find("42  26 trained") != std::string::npos);
}

TEST_CASE("module: to(f64) and back keeps values that fit f32") {
    Tower t(false);
    init(t, 3);
    const float before = t.layers[0].weight.var().data<float>()[0];
    to(t, DType::f64);
    CHECK(t.scale.var().dtype() == DType::f64);
    to(t, DType::f32);
    CHECK(t.layers[0].weight.var().data<float>()[0] == before);
    CHECK_THROWS_AS(to(t, DType::bf16), DTypeError);
}
