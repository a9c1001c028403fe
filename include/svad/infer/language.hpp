// SPDX-License-Identifier: Apache-2.0
// A decoder with its tokenizer and the ids that end its texts: from a Hugging Face folder (config.json, tokenizer.json,
// weights in safetensors) or from one GGUF file, whose weights stay mapped and packed.
#pragma once

#include "svad/infer/generate.hpp"
#include "svad/models/gguf_decoder.hpp"
#include "svad/models/hub_language.hpp"
#include "svad/models/names_language.hpp"
#include "svad/text/tokenizer.hpp"

#include <memory>

namespace svad::infer {

struct Language {
    std::unique_ptr<Decoder> decoder;
    text::Tokenizer tokenizer;
    std::vector<Id> stops;                          ///< ids that end a text
    std::string chat;                               ///< the file's own chat template (Jinja), as text; may be empty

    /// Throws FileError, or FormatError for what is no decoder of ours or has fewer words than its tokenizer.
    static Language load(const std::string& path) {
        Language l = path.ends_with(".gguf") ? from_gguf(path) : from_folder(path);
        if (l.tokenizer.vocabulary() > l.decoder->config.vocabulary)
            fail<io::FormatError>(path, ": the tokenizer has ", l.tokenizer.vocabulary(), " tokens and the model ", l.decoder->config.vocabulary);
        return l;
    }

    /// Greedy search with these stops, for `max_new` words at most.
    SearchOptions options(Index max_new) const {
        SearchOptions o;
        o.max_new = max_new;
        o.stop = stops;
        o.vocabulary = tokenizer.vocabulary();
        return o;
    }

    /// The text that continues `ids`, without the id that ended it. `heard` is told every new word; false from it ends the text.
    std::vector<Id> write(const std::vector<Id>& ids, const SearchOptions& o, const Heard& heard = {}) const {
        const Tensor<Id> row({1, static_cast<Index>(ids.size())}, ids);
        std::vector<Id> words = generate(*decoder, Prompt::of(*decoder, row), o, {}, heard).at(0).at(0).ids;
        while (!words.empty() && o.stops(words.back())) words.pop_back();
        return words;
    }

private:
    void add_stop(Id id, const std::string& where) {
        if (id < 0 || id >= decoder->config.vocabulary)
            fail<io::FormatError>(where, ": eos_token_id ", id, " is not below the vocabulary of ", decoder->config.vocabulary);
        if (std::find(stops.begin(), stops.end(), id) == stops.end()) stops.push_back(id);
    }

    // One id or a list, where the file says so.
    void read_stops(const io::Json& json, const std::string& where) {
        if (!json.is_object() || !json.contains("eos_token_id") || json["eos_token_id"].is_null()) return;
        const bool list = json["eos_token_id"].is_array();
        for (const Id id : list ? io::field<std::vector<Id>>(json, "eos_token_id", where) : std::vector<Id>{io::field<Id>(json, "eos_token_id", where)})
            add_stop(id, where);
    }

    static Language from_folder(const std::string& folder) {
        const std::string where = folder + "/config.json";
        const io::Json config = io::read_json(where);
        Language l{std::make_unique<Decoder>(hub::decoder(config, where)), text::Tokenizer::load(folder + "/tokenizer.json"), {}, {}};
        svad::load(*l.decoder, folder, names::decoder(config["model_type"]));
        l.read_stops(config, where);
        if (const std::string more = folder + "/generation_config.json"; io::exists(more)) l.read_stops(io::read_json(more), more);
        return l;
    }

    static Language from_gguf(const std::string& path) {
        const auto weights = io::GgufWeights::open(path);
        Language l{std::make_unique<Decoder>(hub::gguf(weights)), text::Tokenizer::load(path), {}, {}};
        svad::load(*l.decoder, weights, names::gguf());
        for (const char* const key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"})
            if (const auto* const id = weights.file().find<std::int64_t>(key)) l.add_stop(static_cast<Id>(*id), path);
        if (const auto* const jinja = weights.file().find<std::string>("tokenizer.chat_template")) l.chat = *jinja;
        return l;
    }
};

}  // namespace svad::infer
