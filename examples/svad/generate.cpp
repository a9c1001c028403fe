// SPDX-License-Identifier: Apache-2.0
// svad generate: a language model goes on from a text; svad chat: it answers line by line. Words appear as they are made.
// Models are Hugging Face folders or GGUF files, which are used as they are stored.
#include "commands.hpp"
#include "local_model.hpp"

#include "svad/infer/memory_plan.hpp"
#include "svad/io/json.hpp"

#include <chrono>
#include <cstdio>
#include <iostream>

namespace tool {

namespace {

using namespace svad;

/// Prints a growing text without ever printing half a character.
class Stream {
public:
    Stream(const text::Tokenizer& tokenizer, bool quiet) : tokenizer_(tokenizer), quiet_(quiet) {}

    void add(infer::Id id) {
        ids_.push_back(id);
        show(false);
    }
    /// The text of the first `shown` ids.
    std::string finish(std::size_t shown) {
        ids_.resize(std::min(ids_.size(), shown));
        show(true);
        return text_;
    }

private:
    void show(bool all) {
        text_ = tokenizer_.decode(ids_);
        std::size_t stop = text_.size();
        if (!all && text_.ends_with("\xEF\xBF\xBD")) stop -= 3;                  // the rest of it may come with the next word
        if (quiet_ || stop <= printed_) return;
        std::fwrite(text_.data() + printed_, 1, stop - printed_, stdout);
        std::fflush(stdout);
        printed_ = stop;
    }

    const text::Tokenizer& tokenizer_;
    bool quiet_;
    std::vector<infer::Id> ids_;
    std::string text_;
    std::size_t printed_ = 0;
};

infer::SearchOptions search(const infer::Language& language, const GenerateOptions& o, const text::ChatTemplate* chat, std::size_t prompt) {
    const Index most = language.decoder->config.max_positions, room = most - static_cast<Index>(prompt);
    if (prompt < 1 || room < 1) fail<UsageError>("the prompt has ", prompt, " tokens; the model takes 1 to ", most - 1);
    infer::SearchOptions s = language.options(std::min<Index>(o.words, room));
    s.sample = o.temperature > 0;
    if (s.sample) s.temperature = o.temperature;
    s.top_p = o.top_p, s.top_k = o.top_k, s.repetition_penalty = o.repetition, s.seed = o.seed;
    if (chat)
        for (const std::string& stop : chat->stop_tokens)
            if (language.tokenizer.has(stop)) s.stop.push_back(language.tokenizer.id(stop));
    return s;
}

struct Answer {
    std::string text;
    std::size_t words = 0;
    double seconds = 0;
};

Answer write(const infer::Language& language, const std::vector<infer::Id>& ids, const infer::SearchOptions& s, const GenerateOptions& o, bool quiet) {
    const Autocast precision(o.precision == "bf16" ? DType::bf16 : DType::f32);
    Stream stream(language.tokenizer, quiet);
    const auto start = std::chrono::steady_clock::now();
    std::size_t count = 0;
    const auto words = language.write(ids, s, [&](Index, infer::Id id) {
        ++count;
        if (!s.stops(id)) stream.add(id);
        return true;
    });
    return {stream.finish(words.size()), count, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
}

}  // namespace

int generate(const GenerateOptions& o) {
    if (o.plan) {                                               // before anything but the header is read
        if (!o.model.ends_with(".gguf")) fail<UsageError>("generate: --plan reads the header of a GGUF file; got ", o.model);
        const auto file = io::GgufWeights::open(o.model);
        const auto tokens = static_cast<Index>(text::Tokenizer::load(o.model).encode_with(o.prompt).ids.size());
        std::fprintf(stderr, "plan: %s\n", infer::memory_plan(file, tokens + o.words, std::max<Index>(1, tokens)).text().c_str());
    }
    const auto language = infer::Language::load(o.model);
    const text::ChatTemplate* const chat = o.system.empty() && o.chat == "auto" ? nullptr : choose_chat(language, o.chat);
    std::vector<infer::Id> ids;
    if (chat) {
        std::vector<text::Message> messages;
        if (!o.system.empty()) messages.push_back({text::Role::system, o.system});
        messages.push_back({text::Role::user, o.prompt});
        ids = text::encode(*chat, messages, language.tokenizer);
    } else {
        ids = language.tokenizer.encode_with(o.prompt).ids;
    }
    const auto s = search(language, o, chat, ids.size());
    const Answer answer = write(language, ids, s, o, o.json);
    if (o.json) {
        std::printf("%s\n", io::object({{"text", answer.text}, {"prompt_tokens", ids.size()}, {"tokens", answer.words}, {"seconds", answer.seconds}}).dump().c_str());
        return 0;
    }
    std::printf("\n");
    std::fprintf(stderr, "%zu tokens behind %zu in %.2f s\n", answer.words, ids.size(), answer.seconds);
    return 0;
}

int chat(const GenerateOptions& o) {
    const auto language = infer::Language::load(o.model);
    const text::ChatTemplate* const chat = choose_chat(language, o.chat);
    if (!chat) fail<UsageError>("chat: the tokenizer of ", o.model, " has no marks of a known template; name one with --chat");
    std::vector<text::Message> messages;
    if (!o.system.empty()) messages.push_back({text::Role::system, o.system});
    std::string line;
    while (std::fputs("> ", stderr), std::getline(std::cin, line)) {
        if (line.empty()) continue;
        messages.push_back({text::Role::user, line});
        const auto ids = text::encode(*chat, messages, language.tokenizer);
        const Answer answer = write(language, ids, search(language, o, chat, ids.size()), o, false);
        std::printf("\n");
        messages.push_back({text::Role::assistant, answer.text});
    }
    return 0;
}

}  // namespace tool
