// SPDX-License-Identifier: Apache-2.0
// One tree of errors, and `fail<E>(parts...)`, which joins its parts to one line and throws.
// Grammar of a message: `<who>: <what does not hold>; got ...; <what to do>`, lower case, one line, no address.
// Exceptions only: nothing that a caller or a file can cause ends in abort or assert.
#pragma once

#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>

namespace svad {

/// The root of everything svad throws.
struct Error : std::runtime_error {
    using std::runtime_error::runtime_error;
};
struct ShapeError : Error { using Error::Error; };
struct DTypeError : Error { using Error::Error; };
struct DeviceError : Error { using Error::Error; };
/// The call itself makes no sense: wrong option, unfilled parameter, backward without a graph.
struct UsageError : Error { using Error::Error; };
struct CudaError : Error { using Error::Error; };

namespace io {
/// The system refused a file operation (missing, no rights, disk full).
struct FileError : Error { using Error::Error; };
/// The bytes of a file are not what its format demands; the message names file and offset.
struct FormatError : Error { using Error::Error; };
}  // namespace io

namespace video {
/// A video or picture that cannot be decoded; the message names the file and the reason.
struct DecodeError : Error { using Error::Error; };
}  // namespace video

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

}  // namespace detail

/// The parts joined to one string: text, numbers, and every type with `print(std::string&, const X&)` beside it.
template <class... Parts>
[[nodiscard]] std::string join(const Parts&... parts) {
    using detail::print;
    std::string out;
    (print(out, parts), ...);
    return out;
}

/// Throws E with the joined parts as its one-line message.
template <class E = Error, class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
    throw E(join(parts...));
}

}  // namespace svad
