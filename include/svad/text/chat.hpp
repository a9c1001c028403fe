// SPDX-License-Identifier: Apache-2.0
// How the conversations of the known language models are written: marks around each message, as data, and the ids of a
// conversation under them.
//
// Promise: marks become special tokens, what people write never does: a message that spells "<|im_end|>" stays text.
// Text between two special tokens is encoded as one piece, as the models saw it in training. Sources: the model cards
// and conversation code of the models that each row names.
// Rejected: running the Jinja programs of tokenizer files: a language of its own, for a dozen known outcomes.
#pragma once

#include "svad/text/tokenizer.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace svad::text {

enum class Role : std::uint8_t { system, user, assistant };

struct Message {
    Role role = Role::user;
    std::string text;
};

/// What stands before and behind the messages of one role.
struct RoleMarks {
    std::string_view before, after;
};

/// How one family writes a conversation. Marks hold special tokens by their names.
struct ChatTemplate {
    std::string_view name, models;
    std::string_view begin;                      ///< in front of everything
    RoleMarks system, user, assistant;
    bool takes_system = true;                    ///< false: a system message is an error
    std::string_view answer;                     ///< what makes the model answer
    std::array<std::string_view, 3> specials;    ///< special tokens among the marks; "" for none
    std::array<std::string_view, 2> stops;       ///< an answer ends before the first of these
    /// The system text that the models were trained with, which the caller gives: its length and the first 16 hex
    /// digits of its SHA-256. 0: none in particular.
    std::size_t system_characters = 0;
    std::string_view system_sha256;
};

inline constexpr std::array<ChatTemplate, 7> chat_templates{{
    {"chatml", "Qwen-Chat, Qwen-VL-Chat, Qwen2-Instruct, SmolLM2-Instruct", "",
     {"<|im_start|>system\n", "<|im_end|>\n"}, {"<|im_start|>user\n", "<|im_end|>\n"}, {"<|im_start|>assistant\n", "<|im_end|>\n"}, true,
     "<|im_start|>assistant\n", {"<|im_start|>", "<|im_end|>", ""}, {"<|im_end|>", "<|im_start|>"}, 0, ""},
    {"vicuna_v1", "Vicuna 1.1 to 1.5; LLaVA-1.5 and Video-LLaVA in training", "<s>",
     {"", " "}, {"USER: ", " "}, {"ASSISTANT: ", "</s>"}, true, "ASSISTANT:", {"<s>", "</s>", ""}, {"</s>", ""}, 154, "1fa69e2371b762d1"},
    {"llava_v1", "LLaVA-1.5 and Video-LLaVA in evaluation: vicuna_v1 with another system text", "<s>",
     {"", " "}, {"USER: ", " "}, {"ASSISTANT: ", "</s>"}, true, "ASSISTANT:", {"<s>", "</s>", ""}, {"</s>", ""}, 156, "ace78a978005f68a"},
    {"videochat", "VideoChat on Vicuna v0", "<s>###",
     {"", ""}, {"Human: ", "\n###"}, {"Assistant: ", "###"}, false, "Assistant:", {"<s>", "</s>", ""}, {"###", "</s>"}, 0, ""},
    {"baichuan", "Baichuan-13B-Chat", "",
     {"", ""}, {"<reserved_102>", ""}, {"<reserved_103>", ""}, true, "<reserved_103>", {"<reserved_102>", "<reserved_103>", "</s>"}, {"</s>", ""}, 0, ""},
    {"baichuan2", "Baichuan2-7B-Chat, Baichuan2-13B-Chat", "",
     {"", ""}, {"<reserved_106>", ""}, {"<reserved_107>", ""}, true, "<reserved_107>", {"<reserved_106>", "<reserved_107>", "</s>"}, {"</s>", ""}, 0, ""},
    {"blip2", "BLIP-2 with OPT, asked a question", "</s>",
     {"", ""}, {"Question: ", " "}, {"Answer: ", " "}, false, "Answer:", {"</s>", "", ""}, {"\n", "</s>"}, 0, ""},
}};

/// The template of this name. Throws UsageError that names all.
[[nodiscard]] inline const ChatTemplate& find_chat_template(std::string_view name) {
    std::string known;
    for (const ChatTemplate& one : chat_templates) {
        if (one.name == name) return one;
        known += join(known.empty() ? "" : ", ", one.name);
    }
    fail<UsageError>("chat: no template '", name, "'; give one of ", known);
}

namespace detail {

/// Calls mark(special) for the special tokens of the marks and text(piece) for what is between, in order.
template <class Mark, class Text>
void write_conversation(const ChatTemplate& t, std::span<const Message> messages, bool answer, Mark mark, Text text) {
    const auto marks = [&](std::string_view all) {
        while (!all.empty()) {
            std::size_t at = all.size(), length = 0;
            for (const std::string_view special : t.specials)
                if (const std::size_t found = special.empty() ? at : all.find(special); found < at) at = found, length = special.size();
            text(all.substr(0, at));
            if (length > 0) mark(all.substr(at, length));
            all.remove_prefix(at + length);
        }
    };
    marks(t.begin);
    for (const Message& message : messages) {
        if (message.role == Role::system && !t.takes_system) fail<UsageError>("chat: ", t.name, " knows no system message; leave it out");
        const RoleMarks& around = message.role == Role::system ? t.system : message.role == Role::user ? t.user : t.assistant;
        marks(around.before);
        text(message.text);
        marks(around.after);
    }
    if (answer) marks(t.answer);
}

}  // namespace detail

/// The conversation as one text, for reading; ids are made by chat_ids(). With `answer` it ends where the model goes on.
[[nodiscard]] inline std::string chat_text(const ChatTemplate& t, std::span<const Message> messages, bool answer = true) {
    std::string out;
    const auto append = [&](std::string_view piece) { out += piece; };
    detail::write_conversation(t, messages, answer, append, append);
    return out;
}

/// Ids of the conversation by two functions: encode(text) gives the ids of text without any special token, id_of(name)
/// the id of a special token; for tokenizers other than Tokenizer, such as a .model file with its pieces.
template <class Encode, class IdOf>
[[nodiscard]] std::vector<std::int32_t> chat_ids(const ChatTemplate& t, std::span<const Message> messages, bool answer, Encode encode, IdOf id_of) {
    std::vector<std::int32_t> ids;
    std::string pending;
    const auto flush = [&] {
        if (pending.empty()) return;
        for (const std::int32_t id : encode(std::string_view{pending})) ids.push_back(id);
        pending.clear();
    };
    detail::write_conversation(t, messages, answer,
                               [&](std::string_view special) { flush(), ids.push_back(id_of(special)); },
                               [&](std::string_view piece) { pending += piece; });
    flush();
    return ids;
}

/// Ids of the conversation. Throws UsageError if the tokenizer lacks a special token of the template.
[[nodiscard]] inline std::vector<std::int32_t> chat_ids(const ChatTemplate& t, std::span<const Message> messages, const Tokenizer& tokenizer, bool answer = true) {
    return chat_ids(t, messages, answer, [&](std::string_view text) { return tokenizer.encode(text); }, [&](std::string_view name) { return tokenizer.id(name); });
}

/// The answer without what follows the first of the template's stops.
[[nodiscard]] inline std::string_view cut_at_stop(const ChatTemplate& t, std::string_view answer) {
    for (const std::string_view stop : t.stops)
        if (!stop.empty()) answer = answer.substr(0, answer.find(stop));
    return answer;
}

}  // namespace svad::text
