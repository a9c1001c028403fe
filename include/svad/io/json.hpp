// SPDX-License-Identifier: Apache-2.0
// JSON behind limits: the only file that includes nlohmann/json.
//
// Promise: any byte sequence gives a value or an io::FormatError "<where>: ... (at byte N)". Size is limited
// before parsing (a parsed document needs about 10 to 30 times its text) and depth too, by one scan over the
// brackets: dump() and most walkers of a document recurse, so a deep one would overflow their stack.
// field<T>() reads configuration values with types and ranges checked, which nlohmann's get<T>() does not do
// (it truncates 1.5 to 1 and wraps -1 to 4294967295).
#pragma once

#include "svad/core/error.hpp"
#include "svad/io/file.hpp"

#include <nlohmann/json.hpp>

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace svad::io {

using Json = nlohmann::json;

/// Whether an object may name a key twice (then the last one wins, as in Python).
enum class DuplicateKeys { last_wins, reject };

/// What a document may cost.
struct JsonLimits {
    std::uint64_t max_bytes = std::uint64_t{256} << 20;   ///< length of the text
    int max_depth = 128;                                  ///< nested arrays and objects
    DuplicateKeys duplicates = DuplicateKeys::last_wins;
};

namespace detail {

/// Throws if brackets outside strings nest deeper than `max_depth`. Says nothing about validity.
inline void check_depth(std::string_view text, std::string_view where, int max_depth) {
    int depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quoted) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            if (++depth > max_depth) {
                fail<FormatError>(where, ": json nests deeper than ", max_depth, " levels (at byte ", i, ")");
            }
        } else if (c == ']' || c == '}') {
            --depth;
        }
    }
}

/// nlohmann's text without its "[json.exception.parse_error.101] " tag, on one line.
inline std::string reason(const nlohmann::json::exception& error) {
    std::string text = error.what();
    if (const std::size_t tag = text.find("] "); !text.empty() && text[0] == '[' && tag != std::string::npos)
        text.erase(0, tag + 2);
    for (char& c : text)
        if (c == '\n' || c == '\r') c = ' ';
    return text;
}

inline Json parse_unique(std::string_view text, std::string_view where) {
    std::vector<std::set<std::string>> keys;
    const auto watch = [&](int, Json::parse_event_t event, Json& value) {
        if (event == Json::parse_event_t::object_start) keys.emplace_back();
        if (event == Json::parse_event_t::object_end && !keys.empty()) keys.pop_back();
        if (event == Json::parse_event_t::key && !keys.empty()) {
            const auto& name = value.get_ref<const std::string&>();
            if (!keys.back().insert(name).second) fail<FormatError>(where, ": key '", name, "' occurs twice");
        }
        return true;
    };
    return Json::parse(text.begin(), text.end(), watch);
}

}  // namespace detail

/// The document in `text`; `where` (usually a path) starts every error. Throws FormatError.
[[nodiscard]] inline Json parse_json(std::string_view text, std::string_view where,
                                     const JsonLimits& limits = {}) {
    if (text.size() > limits.max_bytes) {
        fail<FormatError>(where, ": json is too large; got ", text.size(), " bytes, the limit is ",
                          limits.max_bytes);
    }
    detail::check_depth(text, where, limits.max_depth);
    try {
        if (limits.duplicates == DuplicateKeys::reject) return detail::parse_unique(text, where);
        return Json::parse(text.begin(), text.end());
    } catch (const Json::parse_error& error) {
        fail<FormatError>(where, ": ", detail::reason(error), " (at byte ", error.byte, ")");
    } catch (const Json::exception& error) {   // a number beyond the range of double
        fail<FormatError>(where, ": ", detail::reason(error));
    }
}

/// The document in the file at `path`. Throws FileError or FormatError.
[[nodiscard]] inline Json read_json(const std::string& path, const JsonLimits& limits = {}) {
    return parse_json(read_file(path, limits.max_bytes), path, limits);
}

/// `value` as text for a file: UTF-8 as it is, invalid UTF-8 replaced by U+FFFD (never throws for it).
[[nodiscard]] inline std::string dump(const Json& value, int indent = -1) {
    return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

/// Replaces the file at `path` by `value`, indented, with a final newline. Atomic.
inline void write_json(const std::string& path, const Json& value, int indent = 2) {
    write_atomic(path, dump(value, indent) + "\n");
}

/// One entry of object(); a key and its value.
struct Member {
    Member(const char* k, Json v) : key(k), value(std::move(v)) {}
    Member(const char* k, const char* text) : key(k), value(Json::string_t(text)) {}
    Member(const char* k, std::nullptr_t) : key(k) {}

    const char* key;
    Json value;
};

/// An object of these entries. Json's own braces would read alike, but compile a set of templates for every length
/// of a key: half a second of everyone's build.
[[nodiscard]] inline Json object(std::initializer_list<Member> members) {
    Json out = Json::object();
    for (const Member& m : members) out[m.key] = m.value;
    return out;
}

namespace detail {

template <class T>
std::optional<T> convert(const Json& value) {
    if constexpr (std::same_as<T, bool>) {
        if (const auto* b = value.get_ptr<const Json::boolean_t*>()) return *b;
    } else if constexpr (std::integral<T>) {
        if (const auto* u = value.get_ptr<const Json::number_unsigned_t*>()) {
            if (std::in_range<T>(*u)) return static_cast<T>(*u);
        } else if (const auto* i = value.get_ptr<const Json::number_integer_t*>()) {
            if (std::in_range<T>(*i)) return static_cast<T>(*i);
        }
    } else if constexpr (std::floating_point<T>) {
        if (const auto* u = value.get_ptr<const Json::number_unsigned_t*>()) return static_cast<T>(*u);
        if (const auto* i = value.get_ptr<const Json::number_integer_t*>()) return static_cast<T>(*i);
        if (const auto* x = value.get_ptr<const Json::number_float_t*>()) return static_cast<T>(*x);
    } else if constexpr (std::same_as<T, std::string>) {
        if (const auto* text = value.get_ptr<const Json::string_t*>()) return *text;
    } else if constexpr (std::same_as<T, Json>) {
        return value;
    } else {   // std::vector of one of the above
        if (!value.is_array()) return std::nullopt;
        T result;
        for (const Json& item : value) {
            auto converted = convert<typename T::value_type>(item);
            if (!converted) return std::nullopt;
            result.push_back(std::move(*converted));
        }
        return result;
    }
    return std::nullopt;
}

template <class T>
std::string_view expected() {
    if constexpr (std::same_as<T, bool>)
        return "true or false";
    else if constexpr (std::unsigned_integral<T>)
        return "a non-negative integer in range";
    else if constexpr (std::integral<T>)
        return "an integer in range";
    else if constexpr (std::floating_point<T>)
        return "a number";
    else if constexpr (std::same_as<T, std::string>)
        return "a string";
    else
        return "an array of the right type";
}

/// The start of `value` as text, for error messages.
inline std::string shown(const Json& value) {
    if (value.is_structured()) return value.is_array() ? "an array" : "an object";
    std::string text = dump(value);
    return text.size() > 60 ? text.substr(0, 60) + "..." : text;
}

}  // namespace detail

/// `object[key]` as T (bool, integer, floating point, std::string, Json, std::vector of these), or nothing if
/// the key is absent or null. Throws FormatError if the value is not a T or does not fit.
template <class T>
[[nodiscard]] std::optional<T> find_field(const Json& object, std::string_view key, std::string_view where) {
    if (!object.is_object())
        fail<FormatError>(where, ": expected an object with '", key, "'; got ", detail::shown(object));
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) return std::nullopt;
    std::optional<T> value = detail::convert<T>(*found);
    if (!value) {
        fail<FormatError>(where, ": '", key, "' should be ", detail::expected<T>(), "; got ",
                          detail::shown(*found));
    }
    return value;
}

/// As find_field, but the key must be there.
template <class T>
[[nodiscard]] T field(const Json& object, std::string_view key, std::string_view where) {
    std::optional<T> value = find_field<T>(object, key, where);
    if (!value) fail<FormatError>(where, ": has no '", key, "'");
    return std::move(*value);
}

/// As find_field, with `otherwise` for a key that is absent or null.
template <class T>
[[nodiscard]] T field_or(const Json& object, std::string_view key, T otherwise, std::string_view where) {
    return find_field<T>(object, key, where).value_or(std::move(otherwise));
}

/// What to do with a last line that has no newline and does not parse: a writer was killed in the middle of
/// it.
enum class TornTail { error, ignore };

/// Reads a file of one JSON value a line (JSONL), a buffer at a time; blank lines are skipped.
class JsonLines {
public:
    explicit JsonLines(std::string path, TornTail tail = TornTail::error, JsonLimits limits = {})
        : path_{std::move(path)}, fd_{path_, O_RDONLY}, limits_{limits}, tail_{tail} {}

    /// Puts the next value in `value`; false at the end. Throws FileError, or FormatError "<file>:<line>:
    /// ...".
    bool next(Json& value) {
        std::string_view line;
        while (take_line(line)) {
            ++line_;
            if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
            if (at_end_ && tail_ == TornTail::ignore && !Json::accept(line.begin(), line.end())) return false;
            value = parse_json(line, path_ + ":" + std::to_string(line_), limits_);
            return true;
        }
        return false;
    }

    /// Number of the line that next() gave last, from 1.
    [[nodiscard]] std::int64_t line() const { return line_; }

private:
    /// `line` points into buffer_ until the next call; at_end_ is set for a last line without a newline.
    bool take_line(std::string_view& line) {
        std::size_t scanned = start_;
        for (;;) {
            if (const std::size_t newline = buffer_.find('\n', scanned); newline != std::string::npos) {
                line = std::string_view{buffer_}.substr(start_, newline - start_);
                start_ = newline + 1;
                return true;
            }
            buffer_.erase(0, std::exchange(start_, 0));
            if (buffer_.size() > limits_.max_bytes)
                fail<FormatError>(path_, ":", line_ + 1, ": line is longer than ", limits_.max_bytes,
                                  " bytes");
            scanned = buffer_.size();
            if (!read_more()) break;
        }
        at_end_ = true;
        line = buffer_;
        start_ = buffer_.size();
        return !line.empty();
    }

    bool read_more() {
        const std::size_t used = buffer_.size();
        buffer_.resize(used + 65536);
        ssize_t n = 0;
        while ((n = ::read(fd_.get(), buffer_.data() + used, 65536)) < 0 && errno == EINTR) {
        }
        buffer_.resize(used + static_cast<std::size_t>(n > 0 ? n : 0));
        if (n < 0) detail::fail_errno(path_, "cannot be read");
        return n > 0;
    }

    std::string path_;
    detail::Descriptor fd_;
    JsonLimits limits_;
    TornTail tail_;
    std::string buffer_;
    std::size_t start_ = 0;   // of the next line in buffer_
    std::int64_t line_ = 0;
    bool at_end_ = false;
};

}  // namespace svad::io
