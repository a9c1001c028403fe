// SPDX-License-Identifier: Apache-2.0
// Loading of a folder, and its answers: prompt, search, text. The search and the KV cache are the library's.
#include "local_model.hpp"


#include <memory>
#include <mutex>

namespace tool {

namespace {

using namespace svad;

class Local {
public:
    Local(const std::string& path, const std::string& chat) : language_(infer::Language::load(path)), stops_(language_.stops) {
        chat_ = choose_chat(language_, chat);
        if (chat_)
            for (const std::string& stop : chat_->stop_tokens)
                if (language_.tokenizer.has(stop)) stops_.push_back(language_.tokenizer.id(stop));
    }

    text::Reply operator()(const text::Request& request) {
        const std::lock_guard lock{mutex_};   // the library's own threads share the work of one request
        const auto ids = prompt_of(request);
        const Index most = language_.decoder->config.max_positions, length = static_cast<Index>(ids.size()), room = most - length;
        if (length < 1 || room < 1) fail<text::ModelError>("the prompt has ", length, " tokens; the local model takes 1 to ", most - 1);
        std::int64_t count = 0;
        const auto words = language_.write(ids, search(request, room), [&](Index, infer::Id) { return ++count, true; });
        const std::string answer = language_.tokenizer.decode(words);
        return {chat_ ? cut_at_stop(answer) : answer, length, count};
    }

    /// The chat template's name, for the model's name.
    [[nodiscard]] std::string chat() const { return chat_ ? chat_->name : "plain"; }

private:
    std::string cut_at_stop(std::string answer) const {
        for (const std::string& stop : chat_->stop_strings) answer.resize(std::min(answer.find(stop), answer.size()));
        return answer;
    }

    std::vector<std::int32_t> prompt_of(const text::Request& r) const {
        if (!chat_) return language_.tokenizer.encode_with(r.system.empty() ? r.user + "\n\n" : r.system + "\n\n" + r.user + "\n\n").ids;
        std::vector<text::Message> messages;
        if (!r.system.empty()) messages.push_back({text::Role::system, r.system});
        messages.push_back({text::Role::user, r.user});
        return text::encode(*chat_, messages, language_.tokenizer);
    }

    infer::SearchOptions search(const text::Request& r, Index room) const {
        infer::SearchOptions o = language_.options(std::min<Index>(r.max_tokens, room));
        o.stop = stops_;
        o.sample = r.temperature > 0;
        o.temperature = r.temperature;
        o.seed = static_cast<std::uint64_t>(r.attempt);
        return o;
    }

    infer::Language language_;
    const text::ChatTemplate* chat_ = nullptr;
    std::vector<infer::Id> stops_;
    std::mutex mutex_;
};

/// A hash of the small files and of the weights' sizes and last bytes: all of 10 GB would take longer than a request.
std::string fingerprint(const std::string& folder) {
    const bool gguf = folder.ends_with(".gguf");
    std::uint64_t h = gguf ? 1 : stable_hash(io::read_file(folder + "/config.json")) * 3 + stable_hash(io::read_file(folder + "/tokenizer.json"));
    if (const std::string one = gguf ? folder : folder + "/model.safetensors"; io::exists(one)) {
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

const text::ChatTemplate* choose_chat(const infer::Language& language, const std::string& asked) {
    const bool marks = language.tokenizer.has("<|im_start|>") && language.tokenizer.has("<|im_end|>");
    if (asked == "plain" || (asked == "auto" && !marks)) return nullptr;
    const bool smol = language.chat.find("SmolLM") != std::string::npos;
    return &text::find_chat_template(asked != "auto" ? asked : smol ? "smollm2" : "qwen2");
}

LocalModel local_model(const std::string& folder, const std::string& chat) {
    const auto local = std::make_shared<Local>(folder, chat);
    std::string name = folder;
    while (name.size() > 1 && name.back() == '/') name.pop_back();
    name = join("local:", name.substr(name.rfind('/') + 1), "-", fingerprint(folder), "-", local->chat(), "1");
    return {[local](const text::Request& request) { return (*local)(request); }, name};
}

}  // namespace tool
