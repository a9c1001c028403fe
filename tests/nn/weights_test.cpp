// SPDX-License-Identifier: Apache-2.0
#include "svad/nn/weights.hpp"

#include "svad/nn/linear.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <unistd.h>

using namespace svad;

namespace {

struct Three {
    Linear q{2, 2}, k{2, 2, {.bias = false}}, v{2, 2};
    void visit(auto&& f) { f("q", q); f("k", k); f("v", v); }
};

struct Outer {
    Three three;
    void visit(auto&& f) { f("t", three); }
};

struct Single {
    Linear q{2, 2, {.bias = false}};
    void visit(auto&& f) { f("q", q); }
};

struct File {
    std::string path = (std::filesystem::temp_directory_path() / ("svad_weights_" + std::to_string(::getpid()) + ".safetensors")).string();
    ~File() { std::filesystem::remove(path); }
};

std::string message(auto&& f) {
    try {
        f();
    } catch (const std::exception& e) {
        return e.what();
    }
    return "";
}

Tensor<float> numbered(const Shape& shape) {
    Tensor<float> t(shape);
    for (Index i = 0; i < t.numel(); ++i) t[i] = static_cast<float>(i);
    return t;
}

}  // namespace

TEST_CASE("weights: what is saved comes back, as f32 to the bit and as bf16 rounded") {
    const File file;
    Three a, b;
    init(a, 1);
    save(a, file.path, {{"format", "svad"}});
    load(b, file.path);
    CHECK(b.v.weight.var().data<float>()[3] == a.v.weight.var().data<float>()[3]);
    save(a, file.path, {}, DType::bf16);
    load(b, file.path);
    CHECK(b.v.weight.var().data<float>()[3] == static_cast<float>(bf16(a.v.weight.var().data<float>()[3])));
}

TEST_CASE("weights: everything that does not fit is in one error, and nothing is changed") {
    const File file;
    const Tensor<float> w = numbered({2, 2}), wide = numbered({2, 3});
    io::write_safetensors(file.path, {io::named("q.weight", w), io::named("k.weight", wide), io::named("x", w)});
    Three m;
    init(m, 1);
    const float before = m.q.weight.var().data<float>()[0];
    const std::string text = message([&] { load(m, file.path); });
    CHECK(text.find("3 of 5 missing (q.bias, v.bias, v.weight)") != std::string::npos);
    CHECK(text.find("1 unused (x)") != std::string::npos);
    CHECK(text.find("1 misshaped (k.weight: file [2, 3], model [2, 2])") != std::string::npos);
    CHECK(m.q.weight.var().data<float>()[0] == before);
}

TEST_CASE("weights: fused rows are split, rows of zeros skipped, transposed weights turned, ignored names passed") {
    const File file;
    const Tensor<float> fused = numbered({2, 6}), bias = numbered({6}), other = numbered({1});
    io::write_safetensors(file.path, {io::named("pre.h.7.c.weight", fused), io::named("pre.h.7.c.bias", bias), io::named("pre.h.7.mask", other)});
    Outer m;
    const NameTable table{{{"h.*.c.weight", "t.{q,k,v}.weight", true}, {"h.*.c.bias", "t.{q,0,v}.bias"}}, {"h.*.mask"}, {"pre."}};
    load(m, file.path, table);
    // fused is [in, out] = rows (0..5), (6..11); turned, row r is (r, r + 6); k takes rows 2 and 3.
    CHECK(m.three.k.weight.var().data<float>()[0] == 2);
    CHECK(m.three.k.weight.var().data<float>()[1] == 8);
    CHECK(m.three.v.bias->var().data<float>()[0] == 4);
    const auto map = parameter_map(m);
    const Tensor<float> back = as_in_file(resolve(table, "pre.h.7.c.weight", map), [](const Parameter& p) { return p.var().to<float>(); });
    REQUIRE(back.shape() == Shape{2, 6});
    for (Index i = 0; i < 12; ++i) CHECK(back[i] == fused[i]);
}

TEST_CASE("weights: a star stands for exactly one segment") {
    std::vector<std::string> stars;
    CHECK(detail::match_segments("a.*.b.*", "a.12.b.weight", stars));
    CHECK(stars == std::vector<std::string>{"12", "weight"});
    CHECK(!detail::match_segments("a.*", "a.b.c", stars));
    CHECK(!detail::match_segments("a.*.c", "a.b", stars));
    CHECK(!detail::match_segments("a", "a.b", stars));
}

TEST_CASE("weights: two tensors for one parameter are an error") {
    const File file;
    const Tensor<float> w = numbered({2, 2});
    io::write_safetensors(file.path, {io::named("a", w), io::named("b", w)});
    Single m;
    CHECK(message([&] { load(m, file.path, {{{"a", "q.weight"}, {"b", "q.weight"}}}); }).find("second value") != std::string::npos);
}
