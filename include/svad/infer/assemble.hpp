// SPDX-License-Identifier: Apache-2.0
// A SVAD-VLM from pre-trained parts, as the paper and BLIP-2 build theirs: a ViT that has seen pictures, a Q-Former whose
// self attention and MLPs come from a BERT, a language model from a GGUF file. What no part brings (GMHRA, queries,
// cross attention, alignment) starts at random, GMHRA as identity. The parts stay as they were trained; a training run
// freezes "encoder.vit.*" and "decoder.*" and learns the rest.
#pragma once

#include "svad/infer/captioner.hpp"
#include "svad/models/bert.hpp"
#include "svad/video/transform.hpp"

namespace svad {

struct AssembleOptions {
    Index frames = 8;                               ///< that a clip is sampled to
    Index image = 224;                              ///< side of a frame, a multiple of the ViT's patch
    Index queries = 32;
    Index gmhra = 4;                                ///< GMHRA blocks, behind the last blocks of the ViT
    std::array<float, 3> mean{0.485f, 0.456f, 0.406f};              ///< of the pixels that the ViT was trained on (ImageNet)
    std::array<float, 3> deviation{0.229f, 0.224f, 0.225f};
    text::Prompts prompts = {.describe = "Describe the video:", .fill = "Fill the blank in the description:",
                             .stop = "<|im_end|>", .pad = "<|endoftext|>"};
    std::uint64_t seed = 17;
};

namespace detail {

/// Gives every parameter of `to` that `from` has, too, its value; shared, not copied.
template <Module To, Module From>
void take_values(To& to, From& from) {
    const ParameterMap values = parameter_map(from);
    for_each_parameter(to, [&](const std::string& path, Parameter& p) {
        if (const auto at = values.find(path); at != values.end() && at->second->shape() == p.shape()) p.set(at->second->var());
    });
}

/// Patches of pixels (x / 255 - 0.5) / 0.25, as video::normalized() makes them, in place of (x / 255 - mean) / deviation.
inline void take_patches(PatchEmbed& to, const PatchEmbed& from, const AssembleOptions& o) {
    const Tensor<float> w = from.weight.var().to<float>(), b = from.bias->var().to<float>();
    Tensor<float> weight = Tensor<float>::uninitialized(w.shape()), bias = Tensor<float>::uninitialized(b.shape());
    const Index D = w.size(0), C = w.size(1), area = w.size(2) * w.size(3);
    for (Index d = 0; d < D; ++d) {
        double shift = static_cast<double>(b[d]);
        for (Index c = 0; c < C; ++c) {
            const auto channel = static_cast<std::size_t>(c);
            const double mean = static_cast<double>(o.mean[channel]), deviation = static_cast<double>(o.deviation[channel]);
            for (Index i = 0; i < area; ++i) {
                const Index at = (d * C + c) * area + i;
                const double value = static_cast<double>(w[at]);
                weight.data()[at] = static_cast<float>(value * 0.25 / deviation);
                shift += value * (0.5 - mean) / deviation;
            }
        }
        bias.data()[d] = static_cast<float>(shift);
    }
    to.weight.set(weight), to.bias->set(bias);
}

/// The positions of a ViT for pictures of another size.
inline Var positions_for(const Vit& vit, Index side) {
    const Var table = vit.positions;
    const Index own = vit.config.side(), first = vit.class_token ? 1 : 0;
    if (side == own) return table;
    const Var patches = resize_positions(table.slice(0, first, end), own, own, side, side);
    return first ? concat(0, {table.slice(0, 0, 1), patches}) : patches;
}

/// Root of the mean square of word vectors.
inline double word_size(const Decoder& decoder) {
    Tensor<std::int32_t> ids({1, std::min<Index>(decoder.config.vocabulary, 4096)});
    std::iota(ids.begin(), ids.end(), 0);
    double squares = 0;
    const Tensor<float> words = decoder.embed(ids).to<float>();
    for (const float x : words) squares += static_cast<double>(x) * static_cast<double>(x);
    return std::sqrt(squares / static_cast<double>(words.numel()));
}

inline SvadConfig assembled_config(const Vit& vision, const Bert& words, const DecoderConfig& language, const AssembleOptions& o) {
    const VitConfig& v = vision.config;
    const BertLayerConfig& b = words.config.layer;
    if (!vision.norm || !vision.patch || !vision.patch->bias || !v.class_token)
        fail<UsageError>("assemble: the vit must have a class token, a bias on its patches and a norm behind its blocks");
    if (o.image % v.patch != 0 || o.image < v.patch) fail<UsageError>("assemble: frames of ", o.image, " are no multiple of patches of ", v.patch);
    if (o.gmhra < 0 || o.gmhra > v.depth) fail<UsageError>("assemble: ", o.gmhra, " GMHRA blocks behind ", v.depth, " blocks");
    SvadConfig c;
    c.frames = o.frames;
    c.video.vit = v;
    c.video.vit.image = o.image, c.video.vit.final_norm = false, c.video.vit.pool = VitPool::none;
    c.video.gmhra = {.width = v.width, .heads = v.heads, .dropout = 0.1};
    c.video.gmhra_after.clear();
    for (Index i = v.depth - o.gmhra; i < v.depth; ++i) c.video.gmhra_after.push_back(i);
    c.video.norm = true, c.video.norm_eps = v.eps;
    c.qformer = {.queries = o.queries, .width = b.width, .depth = words.config.depth, .heads = b.heads, .hidden = b.hidden,
                 .memory_width = v.width, .activation = b.activation, .eps = b.eps, .dropout = 0.1};
    c.decoder = language;
    return c;
}

}  // namespace detail

/// The model of these parts. Throws FileError or FormatError for the GGUF file, UsageError for parts that do not fit.
/// The decoder's weights stay in the mapped file, and the tokenizer is the file's; save() copies it into the folder.
[[nodiscard]] inline Captioner assemble(const Vit& vision, const Bert& words, const std::string& language, const AssembleOptions& o = {}) {
    const NoGrad off;
    const auto weights = io::GgufWeights::open(language);
    Captioner c(detail::assembled_config(vision, words, hub::gguf(weights), o), text::Tokenizer::load(language));
    c.prompts = o.prompts;
    for (const std::string& word : {o.prompts.stop, o.prompts.pad}) (void)c.tokenizer.id(word);
    c.take_language(weights);

    VideoEncoder& video = c.model.encoder;
    detail::take_values(video.vit, vision);
    detail::take_patches(*video.vit.patch, *vision.patch, o);
    video.vit.positions.set(detail::positions_for(vision, video.vit.config.side()));
    detail::take_values(*video.norm, *vision.norm);
    detail::take_values(c.model.qformer.norm, words.norm);
    for (std::size_t i = 0; i < words.layers.size(); ++i) detail::take_values(c.model.qformer.layers[i], words.layers[i]);

    // Queries leave a layer norm at size 1; in front of words they should be as large as words.
    const double deviation = detail::word_size(c.model.decoder) / std::sqrt(static_cast<double>(c.config.qformer.width));
    c.model.align = DualAlign(c.config.qformer.width, c.config.decoder.width, c.config.dual, Init::normal(deviation));
    for_each_parameter(c.model, [&](const std::string&, Parameter& p) { if (!p.filled()) p.fill(o.seed); });
    return c;
}

}  // namespace svad
