// SPDX-License-Identifier: Apache-2.0
// config.json of decoders: which fields decide what, and what is refused.
#include "svad/models/hub_language.hpp"

#include "doctest/doctest.h"

using namespace svad;

namespace {

io::Json opt_json() {
    return io::Json::parse(R"({"model_type": "opt", "vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
                               "ffn_dim": 12, "max_position_embeddings": 6})");
}

io::Json qwen_json() {
    return io::Json::parse(R"({"model_type": "qwen", "vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
                               "kv_channels": 4, "intermediate_size": 24, "layer_norm_epsilon": 1e-6, "seq_length": 5, "use_dynamic_ntk": true})");
}

io::Json with(io::Json json, const char* key, const io::Json& value) {
    json[key] = value;
    return json;
}

Tensor<float> scores(const Decoder& model, const Tensor<std::int32_t>& ids, const KeyMask& keep = {}) {
    const NoGrad off;
    return model.scores(model(model.embed(ids), {.keep = keep})).as<float>();
}

}  // namespace

TEST_CASE("OPT's table has two rows in front of the first place, and they are not read") {
    Decoder model(hub::decoder(opt_json(), "config.json"));
    init(model, 1);
    CHECK(model.positions->weight.shape() == Shape{8, 8});
    CHECK_FALSE(model.head);
    CHECK_FALSE(model.config.gated);
    const Tensor<std::int32_t> ids({1, 3}, {4, 5, 6});
    const Tensor<float> before = scores(model, ids);
    Tensor<float> table = model.positions->weight.var().as<float>();
    std::fill_n(table.data(), 16, 1e6f);
    const Tensor<float> after = scores(model, ids);
    CHECK(std::equal(after.begin(), after.end(), before.begin()));
}

TEST_CASE("OPT counts places among kept words: padding on the left changes nothing") {
    Decoder model(hub::decoder(opt_json(), "config.json"));
    init(model, 1);
    const Tensor<float> alone = scores(model, Tensor<std::int32_t>({1, 2}, {4, 5}));
    const Tensor<float> padded = scores(model, Tensor<std::int32_t>({1, 4}, {1, 1, 4, 5}), KeyMask({1, 4}, {0, 0, 1, 1}));
    for (Index i = 0; i < alone.numel(); ++i) CHECK(padded.data()[2 * 20 + i] == doctest::Approx(alone.data()[i]).epsilon(1e-5));
}

TEST_CASE("OPT with norms behind its parts or word vectors of another width is refused") {
    CHECK_THROWS_WITH_AS((void)hub::opt(with(opt_json(), "do_layer_norm_before", false), "config.json"),
                         doctest::Contains("do_layer_norm_before"), io::FormatError);
    CHECK_THROWS_WITH_AS((void)hub::opt(with(opt_json(), "word_embed_proj_dim", 4), "config.json"),
                         doctest::Contains("word vectors of 4 in a model of 8"), io::FormatError);
}

TEST_CASE("Qwen's intermediate_size counts both branches") {
    const DecoderConfig c = hub::decoder(qwen_json(), "config.json");
    CHECK(c.hidden == 12);
    CHECK(c.attention_bias);
    CHECK_FALSE(c.out_bias);
    CHECK_THROWS_AS((void)hub::qwen(with(qwen_json(), "intermediate_size", 25), "config.json"), io::FormatError);
}

TEST_CASE("Qwen stops with an error where its code would change its rules, not silently") {
    Decoder model(hub::decoder(qwen_json(), "config.json"));
    init(model, 1);
    CHECK(scores(model, Tensor<std::int32_t>({1, 5}, {1, 2, 3, 4, 5})).numel() == 100);
    CHECK_THROWS_WITH_AS((void)scores(model, Tensor<std::int32_t>({1, 6}, {1, 2, 3, 4, 5, 6})), doctest::Contains("up to 5"), ShapeError);
    CHECK(hub::qwen(with(qwen_json(), "use_dynamic_ntk", false), "config.json").longest == 0);
}

TEST_CASE("an unknown model_type is named beside the known ones") {
    CHECK_THROWS_WITH_AS((void)hub::decoder(with(opt_json(), "model_type", "mamba"), "config.json"),
                         doctest::Contains("'mamba' is not a decoder known here"), io::FormatError);
}
