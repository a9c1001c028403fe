// SPDX-License-Identifier: Apache-2.0
// A trained model as one value: weights, configuration and tokenizer in a folder; a video goes in, a sentence comes
// out. The folder holds config.json, model.safetensors and tokenizer.json.
#pragma once

#include "svad/infer/generate.hpp"
#include "svad/infer/svad_config.hpp"
#include "svad/models/presets.hpp"
#include "svad/models/svad_vlm.hpp"
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

    Captioner(const SvadConfig& c, text::Tokenizer t) : config(c), model(c), tokenizer(std::move(t)) {}

    /// The model in `folder`; throws io::FileError or io::FormatError naming the file that is missing or wrong.
    static Captioner load(const std::string& folder) {
        Captioner c(svad_config(io::read_json(folder + "/config.json"), folder + "/config.json"),
                    text::Tokenizer::load(folder + "/tokenizer.json"));
        if (c.tokenizer.vocabulary() > c.config.decoder.vocabulary)
            fail<io::FormatError>(folder, ": the tokenizer has ", c.tokenizer.vocabulary(), " tokens and the model ",
                                  c.config.decoder.vocabulary);
        svad::load(c.model, folder + "/model.safetensors");
        return c;
    }

    /// Writes the folder; weights as `dtype` (bf16 halves the file and keeps three significant digits).
    void save(const std::string& folder, DType dtype = DType::f32) {
        io::make_directories(folder);
        io::write_json(folder + "/config.json", to_json(config));
        tokenizer.save(folder + "/tokenizer.json");
        svad::save(model, folder + "/model.safetensors", {{"format", "svad"}}, dtype);
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
    std::vector<std::string> answer(const std::vector<Tensor<std::uint8_t>>& clips, const std::vector<std::string>& asked,
                                    infer::SearchOptions options) const {
        const NoGrad off;
        const Var prefix = model.see(video::normalized(clips));                         // [B, Q, D]
        const std::int32_t stop = tokenizer.id("<eos>"), pad = tokenizer.id("<pad>");
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
