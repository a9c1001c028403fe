// SPDX-License-Identifier: Apache-2.0
// Conversations as language models want them: what stands before and after a message, as data; text and ids of them.
//
// Promise: marks that are special tokens become their ids, and content never becomes one, whatever it spells: it is
// encoded as text. Marks that are plain text ("USER:") can be spelled by anyone; no encoder can tell them apart.
// Text between two special tokens is encoded in one piece, as the models were trained, unless the template says apart.
// Rejected: Jinja templates of tokenizer_config.json: a language with loops to run on what strangers wrote.
#pragma once

#include "svad/core/error.hpp"
#include "svad/text/sentencepiece.hpp"
#include "svad/text/tokenizer.hpp"

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace svad::text {

/// Who says something.
enum class Role { system, user, assistant };

struct Message {
    Role role = Role::user;
    std::string content;
};

/// A part of a mark: plain text, or a special token by its name.
struct ChatMark {
    std::string text;
    bool special = false;
    std::int32_t id = -1;   ///< where the model knows the token by number: its name must be this
};

/// What stands around the content of one role.
struct ChatFrame {
    std::vector<ChatMark> prefix = {}, suffix = {};
};

/// How a model was taught to read a conversation.
struct ChatTemplate {
    std::string name;
    std::string system_text = {};            ///< used where the messages begin with no system message; empty: none
    ChatFrame system = {}, user = {}, assistant = {};
    std::vector<ChatMark> start = {};        ///< in front of all messages
    std::vector<ChatMark> generation = {};   ///< asks for the next answer
    std::string bos = {};                    ///< special token that encode() puts in front; not part of the text
    std::vector<std::string> stop_strings = {};   ///< an answer ends before these
    std::vector<std::string> stop_tokens = {};    ///< ... or at these special tokens
    bool system_in_user = false;             ///< the system message stands inside the first message of the user
    bool apart = false;                      ///< content is encoded on its own
    bool trims = false;                      ///< white space around content is taken off
};

namespace detail {

/// A stretch of a conversation in order: a special token, or text.
struct ChatPart {
    const ChatMark* special = nullptr;
    std::string_view text;
    bool content = false;
};

class ChatParts {
public:
    ChatParts(const ChatTemplate& form, std::span<const Message> messages, bool add_generation_prompt) : form_(form) {
        marks(form.start);
        std::string_view system = form.system_text;
        if (!messages.empty() && messages.front().role == Role::system) {
            system = messages.front().content;
            messages = messages.subspan(1);
        }
        if (!form.system_in_user) put_system(system);
        for (const Message& one : messages) {
            if (one.role == Role::system) fail<UsageError>("chat: only the first message may be of the system, template '", form.name, "'");
            const ChatFrame& frame = one.role == Role::user ? form.user : form.assistant;
            marks(frame.prefix);
            if (form.system_in_user && one.role == Role::user) {
                put_system(system);
                system = {};
            }
            content(one.content);
            marks(frame.suffix);
        }
        if (form.system_in_user && !system.empty())
            fail<UsageError>("chat: template '", form.name, "' puts the system's text into a message of the user, and there is none");
        if (add_generation_prompt) marks(form.generation);
    }

    [[nodiscard]] const std::vector<ChatPart>& list() const { return parts_; }

private:
    void put_system(std::string_view text) {
        if (text.empty()) return;
        marks(form_.system.prefix);
        content(text);
        marks(form_.system.suffix);
    }
    void marks(const std::vector<ChatMark>& list) {
        for (const ChatMark& one : list) parts_.push_back({one.special ? &one : nullptr, one.text, false});
    }
    void content(std::string_view text) {
        constexpr std::string_view blanks = " \t\n\v\f\r";
        if (form_.trims) {
            const std::size_t begin = std::min(text.find_first_not_of(blanks), text.size());
            text = text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
        }
        parts_.push_back({nullptr, text, true});
    }

    const ChatTemplate& form_;
    std::vector<ChatPart> parts_;
};

/// The ids of a conversation: text(string) gives those of a stretch, special(mark) that of a special token.
template <class Text, class Special>
std::vector<std::int32_t> encode_chat(const ChatTemplate& form, std::span<const Message> messages, bool add_generation_prompt,
                                      Text text, Special special) {
    std::vector<std::int32_t> ids;
    std::string run;
    const auto flush = [&] {
        if (run.empty()) return;
        const std::vector<std::int32_t> more = text(run);
        ids.insert(ids.end(), more.begin(), more.end());
        run.clear();
    };
    if (!form.bos.empty()) ids.push_back(special(ChatMark{form.bos, true}));
    const ChatParts parts(form, messages, add_generation_prompt);
    for (const ChatPart& part : parts.list()) {
        if (part.special || (part.content && form.apart)) flush();
        if (part.special) ids.push_back(special(*part.special));
        else run += part.text;
        if (part.content && form.apart) flush();
    }
    flush();
    return ids;
}

inline void check_mark(const ChatMark& mark, std::int32_t found, std::string_view of, const ChatTemplate& form) {
    if (found < 0 || (mark.id >= 0 && (found != mark.id || of != mark.text)))
        fail<UsageError>("chat: template '", form.name, "' needs the special token '", mark.text, "'",
                         mark.id < 0 ? std::string{} : join(" with the id ", mark.id), "; is this the model's tokenizer?");
}

}  // namespace detail

/// The conversation as text, special tokens by name. Throws UsageError for a system message that is not the first.
[[nodiscard]] inline std::string render(const ChatTemplate& form, std::span<const Message> messages, bool add_generation_prompt = true) {
    std::string out;
    const detail::ChatParts parts(form, messages, add_generation_prompt);
    for (const detail::ChatPart& part : parts.list()) out += part.text;
    return out;
}

/// Its ids. Throws UsageError also if the tokenizer lacks a special token of the template.
[[nodiscard]] inline std::vector<std::int32_t> encode(const ChatTemplate& form, std::span<const Message> messages,
                                                      const Tokenizer& tokenizer, bool add_generation_prompt = true) {
    return detail::encode_chat(
        form, messages, add_generation_prompt, [&](std::string_view text) { return tokenizer.encode(text, Specials::as_text); },
        [&](const ChatMark& mark) {
            if (mark.id >= 0 && mark.id < tokenizer.vocabulary()) {
                detail::check_mark(mark, mark.id, tokenizer.token(mark.id), form);
                return mark.id;
            }
            const std::int32_t found = tokenizer.has(mark.text) ? tokenizer.id(mark.text) : -1;
            detail::check_mark(mark, found, mark.text, form);
            return found;
        });
}

/// As above for a sentencepiece model. Such a model finds symbols of its user in any text: content that spells a mark
/// of the template is a UsageError.
[[nodiscard]] inline std::vector<std::int32_t> encode(const ChatTemplate& form, std::span<const Message> messages,
                                                      const SentencePiece& model, bool add_generation_prompt = true) {
    std::vector<std::int32_t> marks;
    const auto special = [&](const ChatMark& mark) {
        const std::int32_t found = model.id(mark.text);
        const std::string& name = model.model().pieces[static_cast<std::size_t>(found)].piece;
        detail::check_mark(mark, name == mark.text ? found : -1, name, form);
        marks.push_back(found);
        return found;
    };
    for (const auto* list : {&form.start, &form.system.prefix, &form.system.suffix, &form.user.prefix, &form.user.suffix,
                             &form.assistant.prefix, &form.assistant.suffix, &form.generation})
        for (const ChatMark& mark : *list)
            if (mark.special) (void)special(mark);
    const auto text = [&](std::string_view run) {
        std::vector<std::int32_t> ids = model.encode(run).ids;
        for (const std::int32_t id : ids)
            if (std::find(marks.begin(), marks.end(), id) != marks.end())
                fail<UsageError>("chat: a message spells a mark of the template '", form.name, "'; got '",
                                 model.model().pieces[static_cast<std::size_t>(id)].piece, "'");
        return ids;
    };
    return detail::encode_chat(form, messages, add_generation_prompt, text, special);
}

}  // namespace svad::text
