// SPDX-License-Identifier: Apache-2.0
// Patterns of the lexer turned into steps of an automaton (Thompson 1968): a recursive descent over
//     | ( ) [a-z] [^a] ? * + {m,n};  \l any letter, \u a capital, \d any decimal digit, \x the character x; '.' is itself.
// Letters stand for both their cases, in brackets for themselves, as in a caseless JFlex table.
//
// Promise: every string gives steps or a UsageError with the position; the number of steps is that of the characters in
// the pattern, times the bounds of {m,n}. Rejected: std::regex, which backtracks and knows neither \l nor longest match.
#pragma once

#include "svad/core/error.hpp"
#include "svad/text/unicode.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace svad::text {

/// Letters of PTBTokenizer: of the basic plane, combining marks and the soft hyphen included.
[[nodiscard]] inline bool is_word_letter(char32_t c) {
    if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (c > 0xFFFF) return false;
    if (c == 0xAD) return true;
    return class_of(c) == CharacterClass::letter || (c < 0x3000 && is_mark(c));
}

namespace detail {

struct CharacterSet {
    bool negated = false, letters = false, digits = false, capitals = false;
    std::vector<std::pair<char32_t, char32_t>> ranges;

    [[nodiscard]] bool has(char32_t c) const {
        bool inside = (letters && is_word_letter(c)) || (digits && c <= 0xFFFF && is_decimal_digit(c));
        inside = inside || (capitals && c <= 0xFFFF && to_lower(c) != c);
        for (const auto& [low, high] : ranges) inside = inside || (c >= low && c <= high);
        return inside != negated;
    }
};

/// A step of the automaton: a fork to `a` and `b`, a character of set `set` to `a`, or the end of rule `rule`.
struct Step {
    std::int32_t a = -1, b = -1, set = -1, rule = -1;
};

/// Turns patterns into steps. A piece is built backwards: piece(next) gives the step where it starts.
class PatternCompiler {
public:
    PatternCompiler(std::vector<Step>& steps, std::vector<CharacterSet>& sets) : steps_(steps), sets_(sets) {}

    std::int32_t compile(std::u32string_view pattern, std::int32_t next) {
        const std::int32_t start = alternatives(pattern, next);
        if (pos_ != pattern.size()) fail<UsageError>("pattern: unbalanced parenthesis at ", pos_);
        return start;
    }

private:
    std::int32_t add(Step step) {
        steps_.push_back(step);
        return static_cast<std::int32_t>(steps_.size()) - 1;
    }

    std::int32_t alternatives(std::u32string_view p, std::int32_t next) {
        std::int32_t start = sequence(p, next);
        while (pos_ < p.size() && p[pos_] == '|') {
            ++pos_;
            const std::int32_t other = sequence(p, next);
            start = add({start, other});
        }
        return start;
    }

    /// Items are linked front to back through forks with one way out, patched when the next one is known.
    std::int32_t sequence(std::u32string_view p, std::int32_t next) {
        const std::int32_t start = add({});
        std::int32_t open = start;
        while (pos_ < p.size() && p[pos_] != '|' && p[pos_] != ')') {
            const std::size_t from = pos_;
            skip_atom(p);
            const auto [low, high] = repeats(p);
            const std::size_t after = pos_;
            const std::u32string_view upto = p.substr(0, after);
            const auto copy = [&](std::int32_t to) {
                pos_ = from;
                return atom(upto, to);
            };
            std::vector<std::int32_t> skips;
            for (int k = 0; k < std::max(high, low); ++k) {
                const std::int32_t join = add({});
                const std::int32_t one = copy(join);
                if (k >= low) skips.push_back(open);
                at(open).a = one;
                if (k + 1 == low && high < 0) {   // the last copy that must be there loops
                    open = add({});
                    at(join) = Step{one, open};
                } else {
                    open = join;
                }
            }
            if (low == 0 && high < 0) {
                const std::int32_t one = copy(open), out = add({});
                at(open) = Step{one, out};
                open = out;
            }
            for (const std::int32_t skip : skips) at(skip).b = open;
            pos_ = after;
        }
        at(open) = Step{next};
        return start;
    }

    std::pair<int, int> repeats(std::u32string_view p) {
        if (pos_ >= p.size()) return {1, 1};
        const char32_t c = p[pos_];
        if (c == '?' || c == '*' || c == '+') {
            ++pos_;
            return {c == '+', c == '?' ? 1 : -1};
        }
        if (c != '{') return {1, 1};
        const auto number = [&] {
            int value = 0;
            for (++pos_; pos_ < p.size() && p[pos_] >= '0' && p[pos_] <= '9'; ++pos_)
                value = value * 10 + static_cast<int>(p[pos_] - '0');
            return value;
        };
        const int low = number();
        const int high = pos_ < p.size() && p[pos_] == ',' ? number() : low;
        if (pos_ >= p.size() || p[pos_] != '}') fail<UsageError>("pattern: repetition is not {m,n} at ", pos_);
        ++pos_;
        return {low, high};
    }

    /// Moves behind one atom without adding steps.
    void skip_atom(std::u32string_view p) {
        int depth = 0;
        bool bracket = false;
        do {
            if (pos_ >= p.size()) fail<UsageError>("pattern: ends inside a group or class");
            const char32_t c = p[pos_++];
            if (c == '\\') ++pos_;
            else if (bracket) bracket = c != ']';
            else if (c == '[') bracket = true;
            else if (c == '(') ++depth;
            else if (c == ')') --depth;
        } while (depth > 0 || bracket);
    }

    std::int32_t atom(std::u32string_view p, std::int32_t next) {
        if (p[pos_] == '(') {
            ++pos_;
            const std::int32_t start = alternatives(p, next);
            if (pos_ >= p.size() || p[pos_] != ')') fail<UsageError>("pattern: no closing parenthesis at ", pos_);
            ++pos_;
            return start;
        }
        CharacterSet set;
        if (p[pos_] == '[') {
            set.negated = p[++pos_] == '^';
            for (pos_ += set.negated; pos_ < p.size() && p[pos_] != ']';) member(p, set);
            if (pos_ >= p.size()) fail<UsageError>("pattern: no closing bracket");
            ++pos_;
        } else {
            const char32_t c = one(p, set);   // by itself it stands for both its cases, in brackets for itself
            const char32_t other = c >= 'a' && c <= 'z' ? c - 32 : c >= 'A' && c <= 'Z' ? c + 32 : c;
            if (other != c) set.ranges.push_back({other, other});
        }
        sets_.push_back(std::move(set));
        return add({next, -1, static_cast<std::int32_t>(sets_.size()) - 1});
    }

    /// A character or a class; gives the character, or 0 for a class.
    char32_t one(std::u32string_view p, CharacterSet& set) {
        char32_t c = p[pos_++];
        if (c == '\\') {
            c = p[pos_++];
            if (c == 'l' || c == 'd' || c == 'u') {
                (c == 'l' ? set.letters : c == 'd' ? set.digits : set.capitals) = true;
                return 0;
            }
        }
        set.ranges.push_back({c, c});
        return c;
    }

    void member(std::u32string_view p, CharacterSet& set) {
        if (one(p, set) != 0 && pos_ + 1 < p.size() && p[pos_] == '-' && p[pos_ + 1] != ']') {
            ++pos_;
            CharacterSet end;
            set.ranges.back().second = one(p, end);
        }
    }

    Step& at(std::int32_t step) { return steps_[static_cast<std::size_t>(step)]; }

    std::vector<Step>& steps_;
    std::vector<CharacterSet>& sets_;
    std::size_t pos_ = 0;
};

}  // namespace detail
}  // namespace svad::text
