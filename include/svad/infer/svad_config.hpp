// SPDX-License-Identifier: Apache-2.0
// SvadConfig <-> config.json. One list of fields serves both directions, so that none can be written and not read.
// A file's numbers are bounded before a model of their sizes is built.
#pragma once

#include "svad/io/json.hpp"
#include "svad/models/svad_vlm.hpp"

namespace svad {

namespace detail {

/// Calls f(name, member) for every field that every model folder records, and g(name, member) for every field that older
/// folders lack: there the default holds.
template <class Config, class F, class G>
void each_field(Config& c, F&& f, G&& g) {
    f("frames", c.frames);
    f("dual", c.dual);
    auto& vit = c.video.vit;
    f("vit.image", vit.image), f("vit.patch", vit.patch), f("vit.channels", vit.channels), f("vit.width", vit.width);
    f("vit.depth", vit.depth), f("vit.heads", vit.heads), f("vit.hidden", vit.hidden), f("vit.activation", vit.activation);
    f("vit.eps", vit.eps), f("vit.patch_bias", vit.patch_bias), f("vit.attention_bias", vit.attention_bias);
    f("vit.key_bias", vit.key_bias), f("vit.pre_norm", vit.pre_norm), f("vit.final_norm", vit.final_norm);
    f("vit.tubes", vit.tubes), f("vit.dropout", vit.dropout);
    f("vit.local_mixing", vit.local_mixing), f("vit.local_reduction", vit.local_reduction);
    g("vit.class_token", vit.class_token), g("vit.gated", vit.gated), g("vit.layer_scale", vit.layer_scale);
    g("vit.time_places", vit.time_places);
    auto& gmhra = c.video.gmhra;
    f("gmhra.after", c.video.gmhra_after), f("gmhra.width", gmhra.width), f("gmhra.heads", gmhra.heads);
    f("gmhra.hidden", gmhra.hidden), f("gmhra.activation", gmhra.activation), f("gmhra.dpe_before_norm", gmhra.dpe_before_norm);
    f("gmhra.dropout", gmhra.dropout), f("gmhra.eps", gmhra.eps);
    f("video.aggregate_first", c.video.aggregate_first), f("video.temporal_positions", c.video.temporal_positions);
    f("video.norm", c.video.norm), f("video.norm_eps", c.video.norm_eps);
    auto& q = c.qformer;
    f("qformer.queries", q.queries), f("qformer.width", q.width), f("qformer.depth", q.depth), f("qformer.heads", q.heads);
    f("qformer.hidden", q.hidden), f("qformer.memory_width", q.memory_width), f("qformer.cross_every", q.cross_every);
    f("qformer.activation", q.activation), f("qformer.eps", q.eps), f("qformer.dropout", q.dropout);
    auto& d = c.decoder;
    f("decoder.vocabulary", d.vocabulary), f("decoder.width", d.width), f("decoder.depth", d.depth), f("decoder.heads", d.heads);
    f("decoder.kv_heads", d.kv_heads), f("decoder.head_width", d.head_width), f("decoder.hidden", d.hidden);
    f("decoder.positions", d.positions), f("decoder.max_positions", d.max_positions), f("decoder.rope_theta", d.rope.theta);
    f("decoder.norm", d.norm), f("decoder.eps", d.eps), f("decoder.gated", d.gated), f("decoder.activation", d.activation);
    f("decoder.attention_bias", d.attention_bias), f("decoder.out_bias", d.out_bias), f("decoder.mlp_bias", d.mlp_bias);
    f("decoder.tied", d.tied), f("decoder.norm_head", d.norm_head), f("decoder.dropout", d.dropout);
    g("decoder.first_position", d.first_position), g("decoder.longest", d.longest), g("decoder.post_norm", d.post_norm);
    g("decoder.embed_eps", d.embed_eps), g("decoder.head_bias", d.head_bias), g("decoder.rope_interleaved", d.rope.interleaved);
    auto& scaling = d.rope.scaling;
    g("decoder.rope_scaling", scaling.kind), g("decoder.rope_factor", scaling.factor);
    g("decoder.rope_low", scaling.low_frequency_factor), g("decoder.rope_high", scaling.high_frequency_factor);
    g("decoder.rope_original", scaling.original_length);
}

}  // namespace detail

[[nodiscard]] inline io::Json to_json(const SvadConfig& config) {
    io::Json json = io::object({{"model_type", "svad_vlm"}});
    const auto write = [&](const char* name, const auto& value) {
        if constexpr (std::is_enum_v<std::remove_cvref_t<decltype(value)>>) json[name] = static_cast<int>(value);
        else json[name] = value;
    };
    detail::each_field(config, write, write);
    return json;
}

/// The configuration in `json`; `where` names the file in errors. Throws io::FormatError.
[[nodiscard]] inline SvadConfig svad_config(const io::Json& json, const std::string& where) {
    if (io::field<std::string>(json, "model_type", where) != "svad_vlm")
        fail<io::FormatError>(where, ": model_type must be svad_vlm");
    SvadConfig config;
    const auto read = [&](const char* name, auto& value) {
        using T = std::remove_cvref_t<decltype(value)>;
        if constexpr (std::is_enum_v<T>) {
            const int number = io::field<int>(json, name, where);
            if (number < 0 || number > 7) fail<io::FormatError>(where, ": '", name, "' is ", number, ", which has no meaning");
            value = static_cast<T>(number);
        } else {
            value = io::field<T>(json, name, where);
        }
        if constexpr (std::is_same_v<T, Index>)
            if (value < 0 || value > (Index{1} << 20))
                fail<io::FormatError>(where, ": '", name, "' is ", value, "; sizes up to 1048576 are possible");
    };
    detail::each_field(config, read, [&](const char* name, auto& value) { if (json.contains(name)) read(name, value); });
    for (const Index depth : {config.video.vit.depth, config.qformer.depth, config.decoder.depth})
        if (depth > 512) fail<io::FormatError>(where, ": ", depth, " layers are more than the 512 that are possible");
    if (config.frames < 1 || config.frames > 4096 || config.video.vit.image < 1 || config.video.vit.image > 4096 ||
        config.video.vit.patch < 1 || config.video.vit.heads < 1 || config.qformer.heads < 1 || config.decoder.heads < 1)
        fail<io::FormatError>(where, ": frames, image, patch and heads must be at least 1");
    return config;
}

}  // namespace svad
