// SPDX-License-Identifier: Apache-2.0
// One tree of errors, and `fail<E>(parts...)`, which joins its parts to one line and throws.
// Grammar of a message: `<who>: <what does not hold>; got ...; <what to do>`, lower case, one line, no address.
// Exceptions only: nothing that a caller or a file can cause ends in abort or assert.
#pragma once

#include "svad/core/error_types.hpp"

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>

namespace svad {

namespace detail {

inline void print(std::string& out, std::string_view text) { out += text; }
inline void print(std::string& out, const char* text) { out += text; }
inline void print(std::string& out, const std::string& text) { out += text; }
inline void print(std::string& out, char c) { out += c; }
inline void print(std::string& out, bool b) { out += b ? "true" : "false"; }
template <class N>
    requires std::integral<N>
void print(std::string& out, N n) { out += std::to_string(n); }
template <class N>
    requires std::floating_point<N>
void print(std::string& out, N n) {
    std::string text = std::to_string(n);
    if (text.find('.') != std::string::npos) {
        text.erase(text.find_last_not_of('0') + 1);
        if (text.back() == '.') text.pop_back();
    }
    out += text;
}

/// A part of a message: where it is and how it is printed. One type for all parts keeps join and fail from being
/// templates over every combination of them, which cost a second of each build that includes the library.
class Part {
public:
    Part() = default;
    Part(const char* text) : value_(text), print_([](std::string& out, const void* t) { out += static_cast<const char*>(t); }) {}
    template <class T>
        requires(!std::is_array_v<T>)
    Part(const T& value) : value_(&value), print_([](std::string& out, const void* v) { print(out, *static_cast<const T*>(v)); }) {}

    void append_to(std::string& out) const {
        if (print_) print_(out, value_);
    }

private:
    const void* value_ = nullptr;
    void (*print_)(std::string&, const void*) = nullptr;
};

}  // namespace detail

/// The parts joined to one string: text, numbers, and every type with `print(std::string&, const X&)` beside it.
[[nodiscard]] inline std::string join(detail::Part a, detail::Part b = {}, detail::Part c = {}, detail::Part d = {},
                                      detail::Part e = {}, detail::Part f = {}, detail::Part g = {}, detail::Part h = {},
                                      detail::Part i = {}, detail::Part j = {}, detail::Part k = {}, detail::Part l = {}) {
    std::string out;
    for (const detail::Part* part : {&a, &b, &c, &d, &e, &f, &g, &h, &i, &j, &k, &l}) part->append_to(out);
    return out;
}

/// Throws E with the joined parts as its one-line message.
template <class E = Error>
[[noreturn]] void fail(detail::Part a, detail::Part b = {}, detail::Part c = {}, detail::Part d = {}, detail::Part e = {},
                       detail::Part f = {}, detail::Part g = {}, detail::Part h = {}, detail::Part i = {},
                       detail::Part j = {}, detail::Part k = {}, detail::Part l = {}) {
    throw E(join(a, b, c, d, e, f, g, h, i, j, k, l));
}

}  // namespace svad
