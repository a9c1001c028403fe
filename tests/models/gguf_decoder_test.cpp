// SPDX-License-Identifier: Apache-2.0
// Decoders from GGUF files: the order of rotated rows, what the metadata decides, and what is refused.
#include "svad/models/gguf_decoder.hpp"

#include "../io/temp_dir.hpp"

#include "doctest/doctest.h"

using namespace svad;

namespace {

/// A GGUF file in the making.
class Writer {
public:
    Writer& text(const std::string& key, const std::string& value) { return ++values_, name(meta_, key), put<std::uint32_t>(meta_, 8), name(meta_, value), *this; }
    Writer& number(const std::string& key, std::uint32_t value) { return ++values_, name(meta_, key), put<std::uint32_t>(meta_, 4), put(meta_, value), *this; }
    Writer& real(const std::string& key, float value) { return ++values_, name(meta_, key), put<std::uint32_t>(meta_, 6), put(meta_, value), *this; }
    Writer& tensor(const std::string& key, const Shape& shape, const std::string& bytes, std::uint32_t type = 0) {
        ++tensors_;
        name(infos_, key);
        put<std::uint32_t>(infos_, static_cast<std::uint32_t>(shape.rank()));
        for (int i = shape.rank() - 1; i >= 0; --i) put<std::uint64_t>(infos_, static_cast<std::uint64_t>(shape[i]));
        put(infos_, type);
        put<std::uint64_t>(infos_, data_.size());
        data_ += bytes;
        data_.resize((data_.size() + 31) / 32 * 32);
        return *this;
    }
    std::string bytes() const {
        std::string all = "GGUF";
        put<std::uint32_t>(all, 3);
        put<std::uint64_t>(all, tensors_);
        put<std::uint64_t>(all, values_);
        all += meta_ + infos_;
        all.resize((all.size() + 31) / 32 * 32);
        return all + data_;
    }

private:
    template <class T>
    static void put(std::string& to, T value) { to.append(reinterpret_cast<const char*>(&value), sizeof value); }
    static void name(std::string& to, const std::string& s) { put<std::uint64_t>(to, s.size()), to += s; }

    std::string meta_, infos_, data_;
    std::uint64_t tensors_ = 0, values_ = 0;
};

DecoderConfig small() { return {.vocabulary = 19, .width = 32, .depth = 2, .heads = 4, .kv_heads = 2, .hidden = 48, .tied = true}; }

/// Rows of q or k in llama.cpp's order: row 2i + c of a head is row c * (d / 2) + i of Hugging Face's.
Tensor<float> turned(const Tensor<float>& w, Index heads) {
    Tensor<float> out(w.shape());
    const Index d = w.size(0) / heads, columns = w.numel() / w.size(0);
    for (Index h = 0; h < heads; ++h)
        for (Index i = 0; i < d / 2; ++i)
            for (Index c = 0; c < 2; ++c)
                std::copy_n(w.data() + (h * d + c * d / 2 + i) * columns, columns, out.data() + (h * d + 2 * i + c) * columns);
    return out;
}

/// The model as llama.cpp's converter would write it.
Writer converted(Decoder& model) {
    Writer w;
    w.text("general.architecture", "llama").number("llama.embedding_length", 32).number("llama.block_count", 2);
    w.number("llama.attention.head_count", 4).number("llama.attention.head_count_kv", 2).number("llama.feed_forward_length", 48);
    w.number("llama.context_length", 64).real("llama.attention.layer_norm_rms_epsilon", 1e-6f);
    const std::map<std::string, std::string> parts{{"norm1", "attn_norm"}, {"norm2", "ffn_norm"}, {"attn.q", "attn_q"}, {"attn.k", "attn_k"},
                                                   {"attn.v", "attn_v"}, {"attn.out", "attn_output"}, {"mlp.gate", "ffn_gate"},
                                                   {"mlp.up", "ffn_up"}, {"mlp.down", "ffn_down"}};
    for_each_parameter(model, [&](const std::string& path, Parameter& p) {
        Tensor<float> values = p.var().to<float>();
        std::string name = path == "words.weight" ? "token_embd.weight" : "output_norm.weight";
        if (path.starts_with("blocks.")) {
            const std::string part = path.substr(9, path.size() - 9 - 7);       // behind "blocks.0.", without ".weight"
            name = "blk." + path.substr(7, 1) + "." + parts.at(part) + ".weight";
            if (part == "attn.q" || part == "attn.k") values = turned(values, part == "attn.q" ? 4 : 2);
        }
        w.tensor(name, values.shape(), std::string(reinterpret_cast<const char*>(values.data()), static_cast<std::size_t>(values.numel()) * 4));
    });
    return w;
}

Tensor<float> scores(const Decoder& model) {
    const NoGrad off;
    return model.scores(model(model.embed(Tensor<std::int32_t>({1, 5}, {3, 1, 4, 1, 5})))).to<float>();
}

}  // namespace

TEST_CASE("gguf: a converted model gives the scores of the original, with its weights mapped and its rows where they are") {
    const TempDir folder;
    Decoder model(small());
    init(model, 2);
    io::write_atomic(folder / "m.gguf", converted(model).bytes());
    const auto read = open_gguf(folder / "m.gguf");
    CHECK(read->config.rope.interleaved);
    CHECK(read->config.tied);
    const Tensor<float> a = scores(model), b = scores(*read);
    REQUIRE(a.shape() == b.shape());
    for (Index i = 0; i < a.numel(); ++i) CHECK(b[i] == doctest::Approx(a[i]).epsilon(1e-4));
}

TEST_CASE("gguf: architectures, options and element types that are not ours are refused by name") {
    const TempDir folder;
    const auto refused = [&](const Writer& w, const char* what) {
        io::write_atomic(folder / "m.gguf", w.bytes());
        CHECK_THROWS_WITH_AS((void)open_gguf(folder / "m.gguf"), doctest::Contains(what), io::FormatError);
    };
    refused(Writer().text("general.architecture", "mamba"), "architecture 'mamba' is not a decoder known here");
    refused(Writer().text("general.architecture", "llama"), "has no tensor 'token_embd.weight'");
    Decoder model(small());
    init(model, 2);
    refused(converted(model).text("llama.rope.scaling.type", "yarn"), "rope scaling 'yarn' is not supported");
    refused(converted(model).number("llama.rope.dimension_count", 4), "rotary embedding of 4 of 8 columns");
    refused(converted(model).tensor("extra.weight", {2, 32}, std::string(256, 'x')), "1 unused (extra.weight)");
    refused(converted(model).tensor("output.weight", {19, 256}, std::string(19 * 176, '\0'), 13), "misshaped");
}

TEST_CASE("gguf: a stored element type that svad does not compute with is an error that names both") {
    const std::string bytes = Writer().tensor("w", {1, 256}, std::string(176, '\0'), 13).bytes();
    const TempDir folder;
    io::write_atomic(folder / "m.gguf", bytes);
    const auto weights = io::GgufWeights::open(folder / "m.gguf");
    CHECK_THROWS_WITH_AS((void)weights.stored("w"), doctest::Contains("tensor 'w' is in Q5_K; known are F32"), io::FormatError);
}
