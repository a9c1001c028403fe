// SPDX-License-Identifier: Apache-2.0
// A trained model as one value: weights, configuration and tokenizer in a folder; a video goes in, a sentence comes
// out. The folder holds config.json, model.safetensors and tokenizer.json. Where the language model came from a GGUF
// file, that file stands for the decoder's weights and the tokenizer (language.gguf); low-rank parts, if there are any,
// lie beside it (lora.safetensors).
#pragma once

#include "svad/infer/generate.hpp"
#include "svad/infer/svad_config.hpp"
#include "svad/models/gguf_decoder.hpp"
#include "svad/models/presets.hpp"
#include "svad/models/svad_vlm.hpp"
#include "svad/nn/lora.hpp"
#include "svad/nn/weights.hpp"
#include "svad/text/prompts.hpp"
#include "svad/text/tokenizer.hpp"
#include "svad/video/input.hpp"

namespace svad {

struct Captioner {
    SvadConfig config;
    SvadVlm model;
    text::Tokenizer tokenizer;
    text::Prompts prompts = {};
    std::string language = {};                      ///< GGUF file of the decoder and the tokenizer; empty: they are the folder's own

    Captioner(const SvadConfig& c, text::Tokenizer t) : config(c), model(c), tokenizer(std::move(t)) {}

    /// The model in `folder`; throws io::FileError or io::FormatError naming the file that is missing or wrong.
    static Captioner load(const std::string& folder) {
        const std::string where = folder + "/config.json", gguf = folder + "/language.gguf", lora = folder + "/lora.safetensors";
        const io::Json json = io::read_json(where);
        SvadConfig config = svad_config(json, where);
        std::optional<io::GgufWeights> words;
        if (io::exists(gguf)) words = io::GgufWeights::open(gguf), config.decoder = hub::gguf(*words);
        Captioner c(config, text::Tokenizer::load(words ? gguf : folder + "/tokenizer.json"));
        if (c.tokenizer.vocabulary() > c.config.decoder.vocabulary)
            fail<io::FormatError>(folder, ": the tokenizer has ", c.tokenizer.vocabulary(), " tokens and the model ",
                                  c.config.decoder.vocabulary);
        each_prompt(c.prompts, [&](const char* key, std::string& text) { text = io::field_or<std::string>(json, key, text, where); });
        if (words) c.take_language(*words);
        svad::load(c.model, io::open_weights(folder + "/model.safetensors"), {.rules = {}, .elsewhere = c.elsewhere()});
        if (io::exists(lora)) load_lora(c.model, lora);
        return c;
    }

    /// Reads the decoder's weights from a GGUF file, where they stay, frozen.
    void take_language(const io::GgufWeights& file) {
        language = file.path();
        svad::load(model.decoder, file, names::gguf());
        freeze(model.decoder, "*");
        name_parameters(model);
    }

    /// Writes the folder; weights as `dtype` (bf16 halves the file and keeps three significant digits). A model with merged
    /// low-rank parts is a UsageError (unmerge them, to keep them apart, or drop them, to keep the sum), and one that trains the
    /// decoder of a GGUF file.
    void save(const std::string& folder, DType dtype = DType::f32) {
        bool parts = false;
        for_each_part<Linear>(model, [&](const std::string& path, const Linear& l) {
            if (l.lora && l.lora->merged()) fail<UsageError>(folder, ": the low-rank part of ", path, " is merged; unmerge_lora() or drop_lora() first");
            parts = parts || l.lora;
        });
        for_each_parameter(model.decoder, [&](const std::string& path, Parameter& p) {
            if (!language.empty() && p.trainable() && path.find(".lora.") == std::string::npos)
                fail<UsageError>(folder, ": decoder.", path, " was trained, but the decoder is the GGUF file ", language, "; freeze(model, \"decoder.*\")");
        });
        name_parameters(model);
        io::make_directories(folder);
        io::Json json = to_json(config);
        each_prompt(prompts, [&](const char* key, const std::string& text) { json[key] = text; });
        io::write_json(folder + "/config.json", json);
        if (language.empty()) tokenizer.save(folder + "/tokenizer.json");
        else io::copy_file(language, folder + "/language.gguf");
        svad::save(model, folder + "/model.safetensors", {{"format", "svad"}}, dtype, elsewhere());
        if (parts) save_lora(model, folder + "/lora.safetensors");
        else io::remove_file(folder + "/lora.safetensors");
    }

    /// Frames of a file, inside options.range, as the encoder wants them: [T, S, S, 3].
    Tensor<std::uint8_t> frames(const std::string& path, const video::ReadOptions& options = {}) const {
        return video::sampled_frames(path, config.frames, config.video.vit.image, options);
    }

    /// One sentence for every clip; clips as frames() gives them.
    std::vector<std::string> describe(const std::vector<Tensor<std::uint8_t>>& clips, const infer::SearchOptions& options) const {
        return answer(clips, std::vector<std::string>(clips.size(), prompts.describe), options);
    }
    /// The missing words: masked[i] is a description of clips[i] with `__` for one keyword.
    std::vector<std::string> fill(const std::vector<Tensor<std::uint8_t>>& clips, const std::vector<std::string>& masked,
                                  const infer::SearchOptions& options) const {
        std::vector<std::string> asked;
        for (const std::string& m : masked) asked.push_back(prompts.fill_in(m));
        return answer(clips, asked, options);
    }

private:
    template <class P, class F>
    static void each_prompt(P& p, F&& f) {
        f("prompt.describe", p.describe), f("prompt.fill", p.fill), f("prompt.stop", p.stop), f("prompt.pad", p.pad);
    }
    /// What is not in model.safetensors.
    std::vector<std::string> elsewhere() const {
        return language.empty() ? std::vector<std::string>{"*.lora.*"} : std::vector<std::string>{"*.lora.*", "decoder.*"};
    }

    std::vector<std::string> answer(const std::vector<Tensor<std::uint8_t>>& clips, const std::vector<std::string>& asked,
                                    infer::SearchOptions options) const {
        const NoGrad off;
        const Var prefix = model.see(video::normalized(clips));                         // [B, Q, D]
        const std::int32_t stop = tokenizer.id(prompts.stop), pad = tokenizer.id(prompts.pad);
        options.stop = {stop};
        options.pad = pad;
        options.vocabulary = tokenizer.vocabulary();
        const auto [ids, keep] = padded(asked, pad);
        std::vector<std::string> out;
        for (const auto& hypotheses : infer::generate(model.decoder, infer::Prompt::of(model.decoder, prefix, ids, keep), options)) {
            std::vector<std::int32_t> words = hypotheses.at(0).ids;
            if (!words.empty() && words.back() == stop) words.pop_back();
            const std::string text = tokenizer.decode(words);
            const std::size_t first = text.find_first_not_of(' ');
            out.push_back(first == std::string::npos ? std::string() : text.substr(first));
        }
        return out;
    }

    /// Prompts as ids padded on the left, and the mask that says so: [B, L].
    std::pair<Tensor<std::int32_t>, KeyMask> padded(const std::vector<std::string>& texts, std::int32_t pad) const {
        std::vector<std::vector<std::int32_t>> rows;
        std::size_t longest = 1;
        for (const std::string& t : texts) {
            rows.push_back(tokenizer.encode(t));
            longest = std::max(longest, rows.back().size());
        }
        const Shape shape{static_cast<Index>(rows.size()), static_cast<Index>(longest)};
        Tensor<std::int32_t> ids(shape);
        KeyMask keep(shape);
        ids.fill(pad);
        for (std::size_t b = 0; b < rows.size(); ++b) {
            const std::size_t start = (b + 1) * longest - rows[b].size();
            std::copy(rows[b].begin(), rows[b].end(), ids.data() + start);
            std::fill_n(keep.data() + start, rows[b].size(), std::uint8_t{1});
        }
        return {ids, keep};
    }
};

}  // namespace svad
