// SPDX-License-Identifier: Apache-2.0
// The chat templates of the models that svad loads, by name: Vicuna and LLaVA, VideoChat, LLaMA-2, Baichuan, Qwen,
// SmolLM2, OPT with BLIP-2. The strings are those the models were trained with (their own repositories' conversation
// code and tokenizer_config.json); an answer is worse for every character that differs.
//
// Promise: a table of values to read, copy and change. Rejected: code for each model: templates differ in strings.
#pragma once

#include "svad/core/error.hpp"
#include "svad/text/chat.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace svad::text {

namespace detail {

inline ChatMark special_mark(std::string name) { return {std::move(name), true}; }

/// ChatML: Qwen and SmolLM2.
inline ChatTemplate chatml(std::string name, std::string system_text, bool apart) {
    const auto frame = [](const char* role) {
        return ChatFrame{{special_mark("<|im_start|>"), {std::string(role) + "\n"}}, {special_mark("<|im_end|>"), {"\n"}}};
    };
    return {.name = std::move(name), .system_text = std::move(system_text), .system = frame("system"), .user = frame("user"),
            .assistant = frame("assistant"), .generation = frame("assistant").prefix, .stop_tokens = {"<|im_end|>", "<|im_start|>"},
            .apart = apart};
}

/// Vicuna v1.1, v1.3, v1.5 and what was built on it; `person`: what the system's text calls the user.
inline ChatTemplate vicuna(std::string name, const std::string& person) {
    return {.name = std::move(name),
            .system_text = "A chat between a curious " + person + " and an artificial intelligence assistant. The assistant gives "
                           "helpful, detailed, and polite answers to the " + person + "'s questions.",
            .system = {{}, {{" "}}}, .user = {{{"USER: "}}, {{" "}}}, .assistant = {{{"ASSISTANT: "}}, {special_mark("</s>")}},
            .generation = {{"ASSISTANT:"}}, .bos = "<s>", .stop_tokens = {"</s>"}};
}

inline ChatTemplate baichuan(std::string name, std::string user, std::string assistant) {
    const ChatMark user_mark{std::move(user), true, 195}, assistant_mark{std::move(assistant), true, 196};
    return {.name = std::move(name), .user = {{user_mark}, {}}, .assistant = {{assistant_mark}, {}}, .generation = {assistant_mark},
            .stop_tokens = {"</s>"}};
}

inline std::vector<ChatTemplate> make_chat_templates() {
    const ChatTemplate vicuna_user = vicuna("vicuna-v1.1", "user");
    return {
        vicuna_user,
        {.name = "vicuna-v0", .system_text = vicuna("", "human").system_text, .system = {{}, {{"\n### "}}},
         .user = {{{"Human: "}}, {{"\n### "}}}, .assistant = {{{"Assistant: "}}, {{"\n### "}}}, .generation = {{"Assistant:"}},
         .bos = "<s>", .stop_strings = {"###"}, .stop_tokens = {"</s>"}},
        vicuna("llava-1.5", "user"),     // as trained
        vicuna("llava-1.5-cli", "human"),   // as its command line asks
        vicuna("video-llava", "human"),
        {.name = "videochat", .user = {{{"Human: "}}, {{"\n###"}}}, .assistant = {{{"Assistant: "}}, {{"###"}}}, .start = {{"###"}},
         .generation = {{"Assistant:"}}, .bos = "<s>", .stop_strings = {"###"}, .stop_tokens = {"</s>"}},
        {.name = "llama-2", .system = {{{"<<SYS>>\n"}}, {{"\n<</SYS>>\n\n"}}}, .user = {{special_mark("<s>"), {"[INST] "}}, {{" [/INST]"}}},
         .assistant = {{{" "}}, {{" "}, special_mark("</s>")}}, .stop_tokens = {"</s>"}, .system_in_user = true, .trims = true},
        baichuan("baichuan", "<reserved_102>", "<reserved_103>"),
        baichuan("baichuan2", "<reserved_106>", "<reserved_107>"),
        chatml("qwen", "You are a helpful assistant.", true),
        chatml("qwen2", "You are a helpful assistant.", false),
        chatml("smollm2", "You are a helpful AI assistant named SmolLM, trained by Hugging Face", false),
        {.name = "opt", .bos = "</s>", .stop_strings = {"\n"}, .stop_tokens = {"</s>"}},
        {.name = "blip2-opt", .user = {{{"Question: "}}, {{" "}}}, .assistant = {{{"Answer: "}}, {{". "}}}, .generation = {{"Answer:"}},
         .bos = "</s>", .stop_strings = {"\n"}, .stop_tokens = {"</s>"}},
    };
}

}  // namespace detail

/// All templates that svad knows.
[[nodiscard]] inline const std::vector<ChatTemplate>& chat_templates() {
    static const std::vector<ChatTemplate> all = detail::make_chat_templates();
    return all;
}

/// The template of that name. Throws UsageError that lists the known ones.
[[nodiscard]] inline const ChatTemplate& find_chat_template(std::string_view name) {
    std::string known;
    for (const ChatTemplate& one : chat_templates()) {
        if (one.name == name) return one;
        known += (known.empty() ? "" : ", ") + one.name;
    }
    fail<UsageError>("chat: the template should be one of ", known, "; got '", name, "'");
}

}  // namespace svad::text
