// SPDX-License-Identifier: Apache-2.0
#include "svad/io/gguf_quantize.hpp"

#include "svad/core/random.hpp"
#include "temp_dir.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::io;

namespace {

Tensor<float> values(const Shape& shape, std::uint64_t seed) {
    Tensor<float> t(shape);
    Random random(seed, 1);
    for (float& x : t.span()) x = static_cast<float>(random.uniform(-1, 1));
    return t;
}

/// A file with a matrix of 512 columns, one of 64, one of 10, a head and a norm.
void write_model(const std::string& path, std::map<std::string, Tensor<float>>& tensors) {
    tensors = {{"blk.0.attn_q.weight", values({4, 512}, 1)}, {"blk.0.ffn_up.weight", values({6, 64}, 2)}, {"blk.0.odd.weight", values({3, 10}, 3)},
               {"token_embd.weight", values({8, 512}, 4)}, {"output_norm.weight", values({512}, 5)}};
    GgufWriter w;
    w.text("general.architecture", "llama").u32("llama.block_count", 1).f32("llama.eps", 0.5f).flag("yes", true).texts("words", {"a", "", "bc"});
    w.i32s("kinds", {1, -2}).u32("general.file_type", 0);
    for (const auto& [name, t] : tensors) w.tensor(name, DType::f32, t.shape());
    w.write(path, [&](const std::string& name) { return std::as_bytes(tensors.at(name).span()); });
}

}  // namespace

TEST_CASE("gguf_writer: what is written is what is read") {
    const TempDir dir;
    std::map<std::string, Tensor<float>> tensors;
    write_model(dir / "m.gguf", tensors);
    const GgufWeights file = GgufWeights::open(dir / "m.gguf");
    CHECK(file.file().get<std::string>("general.architecture") == "llama");
    CHECK(file.file().get<std::int64_t>("llama.block_count") == 1);
    CHECK(file.file().get<double>("llama.eps") == 0.5);
    CHECK(file.file().get<bool>("yes"));
    CHECK(file.file().get<std::vector<std::string>>("words") == std::vector<std::string>{"a", "", "bc"});
    CHECK(file.file().get<std::vector<std::int64_t>>("kinds") == std::vector<std::int64_t>{1, -2});
    for (const auto& [name, t] : tensors) {
        CHECK(file.info(name).shape == t.shape());
        const Tensor<float> back = file.load<float>(name);
        CHECK(std::equal(t.begin(), t.end(), back.begin()));
    }
}

TEST_CASE("gguf_writer: mistakes are errors, and leave no file") {
    const TempDir dir;
    GgufWriter w;
    w.u32("a", 1);
    CHECK_THROWS_AS(w.u32("a", 2), UsageError);
    CHECK_THROWS_AS(w.tensor("x", DType::q4_0, {2, 31}), DTypeError);
    CHECK_THROWS_AS(w.tensor("x", DType::f64, {2, 32}), DTypeError);
    w.tensor("x", DType::f32, {2});
    CHECK_THROWS_AS(w.tensor("x", DType::f32, {2}), UsageError);
    CHECK_THROWS_WITH_AS(w.write(dir / "m.gguf", [](const std::string&) { return std::span<const std::byte>{}; }),
                         doctest::Contains("was declared with 8 bytes; got 0"), UsageError);
    CHECK(dir.count() == 0);
}

TEST_CASE("quantize_gguf: matrices change their type, words get more bits, vectors and metadata stay") {
    const TempDir dir;
    std::map<std::string, Tensor<float>> tensors;
    write_model(dir / "m.gguf", tensors);
    const QuantizeReport report = quantize_gguf(dir / "m.gguf", dir / "q.gguf", DType::q4_k);
    const GgufWeights file = GgufWeights::open(dir / "q.gguf");
    CHECK(file.stored("blk.0.attn_q.weight").dtype == DType::q4_k);
    CHECK(file.stored("blk.0.ffn_up.weight").dtype == DType::q4_1);             // rows of 64
    CHECK(file.stored("blk.0.odd.weight").dtype == DType::f16);                 // rows of 10
    CHECK(file.stored("token_embd.weight").dtype == DType::q6_k);               // the head, too
    CHECK(file.stored("output_norm.weight").dtype == DType::f32);
    CHECK(report.otherwise.size() == 3);
    CHECK(report.after.at(DType::q4_k).bytes == 4 * 512 / 256 * 144);
    CHECK(QuantizeReport::bytes(report.before) == (4 * 512 + 6 * 64 + 30 + 8 * 512 + 512) * 4);
    CHECK(file.file().get<std::int64_t>("general.file_type") == 14);
    CHECK(file.file().get<std::vector<std::string>>("words").size() == 3);
    for (const auto& [name, t] : tensors) {
        const Tensor<float> back = file.load<float>(name);
        for (Index i = 0; i < t.numel(); ++i) CHECK(std::abs(back[i] - t[i]) < 0.12f);
    }
    (void)quantize_gguf(dir / "q.gguf", dir / "f.gguf", DType::f32);            // and back, to what the blocks say
    const GgufWeights floats = GgufWeights::open(dir / "f.gguf");
    CHECK(floats.stored("blk.0.attn_q.weight").dtype == DType::f32);
    CHECK(floats.load<float>("token_embd.weight")[5] == file.load<float>("token_embd.weight")[5]);
}

TEST_CASE("quantize_gguf: a weight that is not finite names its tensor") {
    const TempDir dir;
    Tensor<float> bad = values({2, 32}, 1);
    bad.data()[40] = std::numeric_limits<float>::quiet_NaN();
    GgufWriter w;
    w.tensor("bad.weight", DType::f32, {2, 32});
    w.write(dir / "m.gguf", [&](const std::string&) { return std::as_bytes(bad.span()); });
    CHECK_THROWS_WITH_AS((void)quantize_gguf(dir / "m.gguf", dir / "q.gguf", DType::q8_0), doctest::Contains("tensor 'bad.weight': "), UsageError);
}
