// SPDX-License-Identifier: Apache-2.0
// A pickle of protocol 2 as plain data: numbers, texts, tuples, lists, dictionaries and calls that are written down and
// never made.
//
// Promise: nothing runs. The opcodes are those that torch.save needs for dictionaries of tensors; every other one
// is a FormatError that names it, and so is a global that the caller does not allow. Values live in one
// arena and refer to each other by number, so there is no recursion, and the arena has at most one value a
// byte of the pickle. A pickle can refer to a value many times or to itself: walk with care.
// Rejected: turning it into Json (a shared value would be copied at every use: exponential in the worst case).
#pragma once

#include "svad/core/error.hpp"

#include <bit>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace svad::io {

/// What a value of a pickle is.
enum class PickleKind : std::uint8_t { none, boolean, integer, real, text, tuple, list, dictionary, global, persistent, call };

/// One value. Which member means something depends on the kind.
struct PickleValue {
    PickleKind kind = PickleKind::none;
    std::int64_t integer = 0;            ///< also of a boolean
    double real = 0;
    std::string_view text{};             ///< also "module name" of a global; in the pickle's bytes or in Pickle::names
    std::vector<std::uint32_t> items{};  ///< of tuple and list; key, value, ...; callable, arguments; one of persistent
};

/// All values of a pickle.
struct Pickle {
    std::vector<PickleValue> values;
    std::vector<std::unique_ptr<std::string>> names;   ///< what the texts of globals point to
    std::uint32_t root = 0;

    [[nodiscard]] const PickleValue& at(std::uint32_t i) const { return values[i]; }
};

namespace detail {

/// The stack machine that a pickle is a program for.
class PickleReader {
public:
    PickleReader(std::string_view bytes, std::string_view where, const std::function<bool(std::string_view)>& allowed)
        : bytes_{bytes}, where_{where}, allowed_{allowed} {}

    Pickle run() {
        constexpr std::size_t largest = std::size_t{4} << 20;
        if (bytes_.size() > largest) bad("it is larger than 4 MiB");
        if (take(2) != std::string_view{"\x80\x02", 2}) bad("it is not of protocol 2");
        for (;;) {
            start_ = at_;
            const char code = take(1)[0];
            if (code == '.') break;
            if (!constant(code) && !reference(code) && !container(code)) unknown(code);
        }
        pickle_.root = pop();
        if (!stack_.empty() || !marks_.empty()) bad("values are left on its stack");
        return std::move(pickle_);
    }

private:
    using Id = std::uint32_t;

    [[noreturn]] void bad(std::string_view what) const {
        fail<FormatError>(where_, ": the pickle cannot be read: ", what, " (at byte ", start_, ")");
    }
    [[noreturn]] void unknown(char code) const {
        const auto byte = static_cast<unsigned>(static_cast<unsigned char>(code));
        bad(join("opcode ", byte, byte > 32 && byte < 127 ? join(" ('", code, "')") : std::string{}, " is refused: it is not needed for tensors"));
    }

    std::string_view take(std::size_t n) {
        if (n > bytes_.size() - at_) bad("it ends too early");
        return bytes_.substr(std::exchange(at_, at_ + n), n);
    }
    std::uint64_t number(std::size_t width) {
        std::uint64_t value = 0;
        const std::string_view raw = take(width);
        for (std::size_t i = width; i-- > 0;) value = value << 8 | static_cast<unsigned char>(raw[i]);
        return value;
    }
    std::string_view line() {
        const std::size_t stop = bytes_.find('\n', at_);
        if (stop == std::string_view::npos) bad("a name has no end");
        const std::string_view text = take(stop - at_);
        ++at_;
        return text;
    }

    bool push(PickleValue value) {
        stack_.push_back(static_cast<Id>(pickle_.values.size()));
        pickle_.values.push_back(std::move(value));
        return true;
    }
    bool push_integer(std::int64_t x, PickleKind kind = PickleKind::integer) { return push({.kind = kind, .integer = x}); }
    Id pop() {
        if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) bad("its stack is empty");
        const Id top = stack_.back();
        stack_.pop_back();
        return top;
    }
    std::vector<Id> pop_to_mark() {
        if (marks_.empty()) bad("it has no mark");
        const auto from = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
        marks_.pop_back();
        std::vector<Id> items(from, stack_.end());
        stack_.erase(from, stack_.end());
        return items;
    }
    std::vector<Id> pop_last(std::size_t n) {
        std::vector<Id> items(n);
        while (n > 0) items[--n] = pop();
        return items;
    }

    bool constant(char code) {
        switch (static_cast<unsigned char>(code)) {
            case 'N': return push({});
            case 0x88: return push_integer(1, PickleKind::boolean);
            case 0x89: return push_integer(0, PickleKind::boolean);
            case 'K': return push_integer(static_cast<std::int64_t>(number(1)));
            case 'M': return push_integer(static_cast<std::int64_t>(number(2)));
            case 'J': return push_integer(static_cast<std::int32_t>(number(4)));
            case 0x8a: return push_integer(long_integer());
            case 'G': return push({.kind = PickleKind::real, .real = big_endian_double()});
            case 'X': return push({.kind = PickleKind::text, .text = take(static_cast<std::size_t>(number(4)))});
            case 'c': return global();
            default: return false;
        }
    }
    std::int64_t long_integer() {
        const auto width = static_cast<std::size_t>(number(1));
        if (width > 8) bad("an integer has more than 64 bits");
        const std::uint64_t value = number(width);
        const unsigned unused = static_cast<unsigned>(64 - 8 * width);
        return width == 0 ? 0 : static_cast<std::int64_t>(value << unused) >> unused;
    }
    double big_endian_double() { return std::bit_cast<double>(__builtin_bswap64(number(8))); }
    bool global() {
        auto name = std::make_unique<std::string>(line());
        *name += ' ';
        *name += line();
        if (!allowed_(*name)) bad(join("the global '", name->substr(0, 100), "' is refused: only tensors are read"));
        pickle_.names.push_back(std::move(name));
        return push({.kind = PickleKind::global, .text = *pickle_.names.back()});
    }

    bool reference(char code) {
        switch (code) {
            case 'q': return remember(number(1));
            case 'r': return remember(number(4));
            case 'h': return recall(number(1));
            case 'j': return recall(number(4));
            case '(': marks_.push_back(stack_.size()); return true;
            default: return false;
        }
    }
    bool remember(std::uint64_t key) {
        const Id top = pop();
        stack_.push_back(top);
        memo_[key] = top;
        return true;
    }
    bool recall(std::uint64_t key) {
        const auto found = memo_.find(key);
        if (found == memo_.end()) bad("it recalls what it has not kept");
        stack_.push_back(found->second);
        return true;
    }

    bool container(char code) {
        switch (static_cast<unsigned char>(code)) {
            case '}': return push({.kind = PickleKind::dictionary});
            case ']': return push({.kind = PickleKind::list});
            case ')': return push({.kind = PickleKind::tuple});
            case 't': return push({.kind = PickleKind::tuple, .items = pop_to_mark()});
            case 0x85: return push({.kind = PickleKind::tuple, .items = pop_last(1)});
            case 0x86: return push({.kind = PickleKind::tuple, .items = pop_last(2)});
            case 0x87: return push({.kind = PickleKind::tuple, .items = pop_last(3)});
            case 'Q': return push({.kind = PickleKind::persistent, .items = pop_last(1)});
            case 'R': return call(pop_last(2));
            case 'b': return build();
            case 's': return extend(PickleKind::dictionary, pop_last(2));
            case 'u': return extend(PickleKind::dictionary, pop_to_mark());
            case 'a': return extend(PickleKind::list, pop_last(1));
            case 'e': return extend(PickleKind::list, pop_to_mark());
            default: return false;
        }
    }
    /// An ordered dictionary is made at once, since entries follow; other calls are written down.
    bool call(std::vector<Id> parts) {
        const PickleValue& callable = pickle_.at(parts[0]);
        const PickleValue& arguments = pickle_.at(parts[1]);
        if (callable.kind != PickleKind::global || arguments.kind != PickleKind::tuple) bad("it calls what is no global");
        if (callable.text != "collections OrderedDict") return push({.kind = PickleKind::call, .items = std::move(parts)});
        if (!arguments.items.empty()) bad("an ordered dictionary is made from something");
        return push({.kind = PickleKind::dictionary});
    }
    /// Attributes of a dictionary (torch keeps versions of modules there) are passed over.
    bool build() {
        (void)pop();
        const Id target = pop();
        if (pickle_.at(target).kind != PickleKind::dictionary) bad("it gives attributes to what is no dictionary");
        stack_.push_back(target);
        return true;
    }
    bool extend(PickleKind kind, const std::vector<Id>& more) {
        const Id target = pop();
        stack_.push_back(target);
        if (pickle_.at(target).kind != kind) bad("it puts items into what holds none");
        if (kind == PickleKind::dictionary && more.size() % 2 != 0) bad("a key has no value");
        std::vector<Id>& items = pickle_.values[target].items;
        items.insert(items.end(), more.begin(), more.end());
        return true;
    }

    std::string_view bytes_;
    std::string where_;
    const std::function<bool(std::string_view)>& allowed_;
    Pickle pickle_;
    std::vector<Id> stack_;
    std::vector<std::size_t> marks_;   // how much of the stack is below each
    std::unordered_map<std::uint64_t, Id> memo_;
    std::size_t at_ = 0, start_ = 0;
};

}  // namespace detail

/// The values in `bytes`, which must outlive them; allowed("module name") says which globals may occur.
/// Throws FormatError.
[[nodiscard]] inline Pickle parse_pickle(std::string_view bytes, std::string_view where,
                                         const std::function<bool(std::string_view)>& allowed) {
    return detail::PickleReader{bytes, where, allowed}.run();
}

}  // namespace svad::io
