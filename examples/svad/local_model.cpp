// SPDX-License-Identifier: Apache-2.0
// Loading of a folder, and its answers: prompt, search, text. The search and the KV cache are the library's.
#include "local_model.hpp"

#include "svad/infer/generate.hpp"
#include "svad/models/hub.hpp"
#include "svad/models/names.hpp"
#include "svad/nn/weights.hpp"
#include "svad/text/chat_templates.hpp"

#include <memory>
#include <mutex>

namespace tool {

namespace {

using namespace svad;

class Local {
public:
    Local(const std::string& folder, const std::string& chat)
        : config_(io::read_json(folder + "/config.json")), decoder_(hub::decoder(config_, folder + "/config.json")),
          tokenizer_(text::Tokenizer::load(folder + "/tokenizer.json")) {
        if (tokenizer_.vocabulary() > decoder_.config.vocabulary)
            fail<io::FormatError>(folder, ": the tokenizer has ", tokenizer_.vocabulary(), " tokens and the model ",
                                  decoder_.config.vocabulary);
        load(decoder_, folder, names::decoder(config_["model_type"]));
        chat_ = choose(chat);
        read_stops(config_, folder + "/config.json");
        if (chat_)
            for (const std::string& stop : chat_->stop_tokens)
                if (tokenizer_.has(stop)) stops_.push_back(tokenizer_.id(stop));
        if (const std::string more = folder + "/generation_config.json"; io::exists(more)) read_stops(io::read_json(more), more);
    }

    text::Reply operator()(const text::Request& request) {
        const std::lock_guard lock{mutex_};   // the library's own threads share the work of one request
        const NoGrad off;
        const auto ids = prompt_of(request);
        const Index length = static_cast<Index>(ids.size()), room = decoder_.config.max_positions - length;
        if (length < 1 || room < 1)
            fail<text::ModelError>("the prompt has ", length, " tokens; the local model takes 1 to ",
                                   decoder_.config.max_positions - 1);
        const Tensor<std::int32_t> row({1, length}, ids);
        auto words = infer::generate(decoder_, infer::Prompt::of(decoder_, row), search(request, room)).at(0).at(0).ids;
        const auto count = static_cast<std::int64_t>(words.size());
        while (!words.empty() && std::find(stops_.begin(), stops_.end(), words.back()) != stops_.end()) words.pop_back();
        const std::string answer = tokenizer_.decode(words);
        return {chat_ ? cut_at_stop(answer) : answer, length, count};
    }

    /// The chat template's name, for the model's name.
    [[nodiscard]] std::string chat() const { return chat_ ? chat_->name : "plain"; }

private:
    /// The template asked for; "auto" is ChatML as Qwen2 has it where the tokenizer has its marks, else none.
    [[nodiscard]] const text::ChatTemplate* choose(const std::string& asked) const {
        const bool marks = tokenizer_.has("<|im_start|>") && tokenizer_.has("<|im_end|>");
        if (asked == "plain" || (asked == "auto" && !marks)) return nullptr;
        return &text::find_chat_template(asked == "auto" ? "qwen2" : asked);
    }

    std::string cut_at_stop(std::string answer) const {
        for (const std::string& stop : chat_->stop_strings) answer.resize(std::min(answer.find(stop), answer.size()));
        return answer;
    }

    std::vector<std::int32_t> prompt_of(const text::Request& r) const {
        if (!chat_) return tokenizer_.encode_with(r.system.empty() ? r.user + "\n\n" : r.system + "\n\n" + r.user + "\n\n").ids;
        std::vector<text::Message> messages;
        if (!r.system.empty()) messages.push_back({text::Role::system, r.system});
        messages.push_back({text::Role::user, r.user});
        return text::encode(*chat_, messages, tokenizer_);
    }

    /// Ids that end an answer: one or a list, where the file says so.
    void read_stops(const io::Json& json, const std::string& where) {
        if (!json.is_object() || !json.contains("eos_token_id") || json["eos_token_id"].is_null()) return;
        const io::Json& given = json["eos_token_id"];
        const auto ids = given.is_array() ? io::field<std::vector<std::int32_t>>(json, "eos_token_id", where)
                                          : std::vector<std::int32_t>{io::field<std::int32_t>(json, "eos_token_id", where)};
        for (const std::int32_t id : ids) {
            if (id < 0 || id >= decoder_.config.vocabulary)
                fail<io::FormatError>(where, ": eos_token_id ", id, " is not below the vocabulary of ", decoder_.config.vocabulary);
            if (std::find(stops_.begin(), stops_.end(), id) == stops_.end()) stops_.push_back(id);
        }
    }

    infer::SearchOptions search(const text::Request& r, Index room) const {
        infer::SearchOptions o;
        o.max_new = std::min<Index>(r.max_tokens, room);
        o.stop = stops_;
        o.vocabulary = tokenizer_.vocabulary();
        o.sample = r.temperature > 0;
        o.temperature = r.temperature;
        o.seed = static_cast<std::uint64_t>(r.attempt);
        return o;
    }

    io::Json config_;
    Decoder decoder_;
    text::Tokenizer tokenizer_;
    const text::ChatTemplate* chat_ = nullptr;
    std::vector<infer::Id> stops_;
    std::mutex mutex_;
};

/// A hash of the small files and of the weights' sizes and last bytes: all of 10 GB would take longer than a request.
std::string fingerprint(const std::string& folder) {
    std::uint64_t h = stable_hash(io::read_file(folder + "/config.json")) * 3 + stable_hash(io::read_file(folder + "/tokenizer.json"));
    if (const std::string one = folder + "/model.safetensors"; io::exists(one)) {
        const io::MappedFile weights{one};
        h = h * 3 + weights.size();
        h = h * 3 + stable_hash(weights.text().substr(weights.size() - std::min<std::size_t>(weights.size(), 1u << 20)));
    } else {
        h = h * 3 + stable_hash(io::read_file(folder + "/model.safetensors.index.json"));
    }
    std::string out;
    for (int i = 0; i < 8; ++i, h <<= 4) out += "0123456789abcdef"[h >> 60];
    return out;
}

}  // namespace

LocalModel local_model(const std::string& folder, const std::string& chat) {
    const auto local = std::make_shared<Local>(folder, chat);
    std::string name = folder;
    while (name.size() > 1 && name.back() == '/') name.pop_back();
    name = join("local:", name.substr(name.rfind('/') + 1), "-", fingerprint(folder), "-", local->chat(), "1");
    return {[local](const text::Request& request) { return (*local)(request); }, name};
}

}  // namespace tool
