// SPDX-License-Identifier: Apache-2.0
// The chat protocol that OpenAI's endpoint and most servers of open models speak: a request as the body of a POST, and
// an HTTP answer as an outcome. No network here: http.cpp sends the bytes.
//
// Promise: nothing of a server's answer is believed before it is checked, and what is shown of it is one short line
// without control characters. Rejected: streaming answers: they are short, and half an answer is none.
#pragma once

#include "retry.hpp"

#include "svad/io/json.hpp"

#include <charconv>
#include <string>
#include <string_view>

namespace tool {

/// What came over the wire, or why nothing did.
struct HttpAnswer {
    long status = 0;                 ///< 0: there was no answer
    std::string body{};
    std::string retry_after{};       ///< that header's value
    std::string failure{};           ///< without an answer: what went wrong
    bool hopeless = false;           ///< ... and would again: a certificate, too many bytes
};

/// Throws UsageError if `endpoint` is no plain http or https address; gives it without a final slash.
[[nodiscard]] inline std::string checked_endpoint(std::string endpoint) {
    const bool web = endpoint.starts_with("http://") || endpoint.starts_with("https://");
    const std::size_t host = web ? endpoint.find("//") + 2 : 0;
    if (!web || host >= endpoint.size() || endpoint[host] == '/')
        svad::fail<svad::UsageError>("--endpoint must start with http:// or https:// and name a server");
    for (const char c : endpoint)
        if (c <= ' ' || c == 127 || c == '?' || c == '#' || c == '@')
            svad::fail<svad::UsageError>("--endpoint must be a plain address such as https://host/v1: no blank, query or "
                                         "user name; the key belongs into SVAD_API_KEY");
    while (endpoint.back() == '/') endpoint.pop_back();
    return endpoint;
}

/// The body of the POST.
[[nodiscard]] inline std::string chat_body(const svad::text::Request& r) {
    using svad::io::object;
    svad::io::Json messages = svad::io::Json::array();
    if (!r.system.empty()) messages.push_back(object({{"role", "system"}, {"content", r.system}}));
    messages.push_back(object({{"role", "user"}, {"content", r.user}}));
    return svad::io::dump(object({{"model", r.model}, {"messages", messages}, {"temperature", r.temperature},
                                  {"max_tokens", r.max_tokens}}));
}

/// The start of a foreign text on one line: runs of control characters and blanks are one blank.
[[nodiscard]] inline std::string one_line(std::string_view text, std::size_t most = 200) {
    std::string out;
    for (const char c : text) {
        const bool blank = static_cast<unsigned char>(c) <= ' ' || c == 127;
        if (!blank) out += c;
        else if (!out.empty() && out.back() != ' ') out += ' ';
        if (out.size() >= most) break;
    }
    if (out.size() < text.size() && out.size() >= most) out += "...";
    std::string safe = svad::io::dump(svad::io::Json(out));   // replaces what is no UTF-8, also a cut character
    return safe.substr(1, safe.size() - 2);
}

/// A value that stands in for a secret wherever a server repeats it. Keys too short to be one are left alone.
[[nodiscard]] inline std::string without_secret(std::string text, std::string_view secret) {
    if (secret.size() < 8) return text;
    for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at))
        text.replace(at, secret.size(), "***");
    return text;
}

namespace detail {

inline std::optional<double> seconds_of(std::string_view header) {
    unsigned seconds = 0;
    const auto [end, error] = std::from_chars(header.data(), header.data() + header.size(), seconds);
    if (error != std::errc{} || end != header.data() + header.size()) return std::nullopt;   // a date, or nonsense
    return seconds;
}

/// The number of tokens under `key`, 0 if the server does not say or says nonsense.
inline std::int64_t tokens_of(const svad::io::Json& answer, const char* key) {
    const auto usage = answer.find("usage");
    if (usage == answer.end() || !usage->is_object() || !usage->contains(key)) return 0;
    const svad::io::Json& count = (*usage)[key];
    return count.is_number_unsigned() && count.get<std::uint64_t>() < (std::uint64_t{1} << 40) ? count.get<std::int64_t>() : 0;
}

inline const std::string* content_of(const svad::io::Json& answer) {
    if (!answer.is_object()) return nullptr;
    const auto choices = answer.find("choices");
    if (choices == answer.end() || !choices->is_array() || choices->empty() || !choices->front().is_object()) return nullptr;
    const auto message = choices->front().find("message");
    if (message == choices->front().end() || !message->is_object()) return nullptr;
    const auto content = message->find("content");
    return content == message->end() ? nullptr : content->get_ptr<const std::string*>();
}

inline Outcome read_reply(const HttpAnswer& answer, std::string_view secret) {
    std::string why = "has no text at choices[0].message.content";
    try {
        const svad::io::Json json = svad::io::parse_json(answer.body, "answer", {.max_bytes = 16u << 20, .max_depth = 32});
        if (const std::string* content = content_of(json))
            return {Outcome::Kind::reply, {without_secret(*content, secret), tokens_of(json, "prompt_tokens"),
                                           tokens_of(json, "completion_tokens")}};
    } catch (const svad::io::FormatError&) {
        why = "is not valid json";
    }
    const std::string shown = one_line(without_secret(answer.body, secret));
    return {Outcome::Kind::again, {}, svad::join("the server's answer ", why, ": ", shown)};
}

}  // namespace detail

/// What an answer means. Too many requests, a server's own fault, no connection and a malformed answer are worth another
/// try; any other refusal is not. `secret` is never part of the result.
[[nodiscard]] inline Outcome outcome_of(const HttpAnswer& answer, std::string_view secret = {}) {
    using Kind = Outcome::Kind;
    if (answer.status == 0) {
        const std::string shown = one_line(without_secret(answer.failure, secret));
        return {answer.hopeless ? Kind::never : Kind::again, {}, svad::join("no answer: ", shown)};
    }
    if (answer.status == 200) return detail::read_reply(answer, secret);
    const bool again = answer.status == 429 || answer.status == 408 || answer.status >= 500;
    return {again ? Kind::again : Kind::never, {},
            svad::join("the server answered with status ", answer.status, ": ", one_line(without_secret(answer.body, secret))),
            detail::seconds_of(answer.retry_after)};
}

}  // namespace tool
