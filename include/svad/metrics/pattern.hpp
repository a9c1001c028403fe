// SPDX-License-Identifier: Apache-2.0
// A small lexer: a table of patterns, the longest match wins, the first pattern on a tie, as in lex and JFlex.
//
// Promise: linear time in the text for a fixed table (Thompson's NFA, turned into a DFA state by state as texts need
// it); patterns are checked when the table is built. A rule may have a context that must follow; it counts towards the
// length, as in JFlex. Why: the PTB tokenizer is defined by such a table, and quirks of longest match are part of it.
// Syntax: | ( ) [a-z] [^a] ? * + {m,n}; \l any letter, \d any decimal digit, \x the character x; '.' is itself; {NAME}
// is a definition.
#pragma once

#include "svad/core/error.hpp"
#include "svad/text/unicode.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace svad::metrics {

/// A line of the table: what to match, what must follow (may be empty), and what to do, a number of the caller's.
struct PatternRule {
    std::u32string_view pattern, context;
    int action = 0;
};

/// The longest match: `length` characters, of which the first `token` are without the context. length 0: none.
struct PatternMatch {
    std::size_t length = 0, token = 0;
    int action = 0;
};

/// Letters of PTBTokenizer: of the basic plane, combining marks and the soft hyphen included.
[[nodiscard]] inline bool is_word_letter(char32_t c) {
    if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (c > 0xFFFF) return false;
    if (c == 0xAD) return true;
    const utf8proc_category_t category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
    const bool mark = category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC;
    return text::class_of(c) == text::CharacterClass::letter || (mark && c < 0x3000);
}

namespace detail {

inline bool is_decimal(char32_t c) {
    if (c < 0x80) return c >= '0' && c <= '9';
    return c <= 0xFFFF && utf8proc_category(static_cast<utf8proc_int32_t>(c)) == UTF8PROC_CATEGORY_ND;
}

struct CharacterSet {
    bool negated = false, letters = false, digits = false;
    std::vector<std::pair<char32_t, char32_t>> ranges;

    [[nodiscard]] bool has(char32_t c) const {
        bool inside = (letters && is_word_letter(c)) || (digits && is_decimal(c));
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
            start = add({start, sequence(p, next)});
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
                    at(join) = Step{one, add({})};
                    open = at(join).b;
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
            one(p, set);
        }
        sets_.push_back(std::move(set));
        return add({next, -1, static_cast<std::int32_t>(sets_.size()) - 1});
    }

    /// A character or a class; gives the character, or 0 for a class.
    char32_t one(std::u32string_view p, CharacterSet& set) {
        char32_t c = p[pos_++];
        if (c == '\\') {
            c = p[pos_++];
            if (c == 'l' || c == 'd') {
                (c == 'l' ? set.letters : set.digits) = true;
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

/// The table ready to match. One object belongs to one thread: matching extends its automaton.
class PatternLexer {
public:
    /// Throws UsageError for a pattern that is not well formed.
    PatternLexer(const std::vector<PatternRule>& rules, const std::map<std::u32string, std::u32string>& definitions) {
        std::vector<std::int32_t> starts;
        for (const PatternRule& rule : rules) {
            const auto number = static_cast<std::int32_t>(actions_.size());
            actions_.push_back(rule.action);
            const std::int32_t end = add({-1, -1, -1, number});
            std::int32_t join = end;
            if (!rule.context.empty()) join = compile(expand(rule.context, definitions), end);
            // A marker step before the context, so that a match knows where its token may end.
            joins_.push_back(rule.context.empty() ? -1 : add({join}));
            starts.push_back(compile(expand(rule.pattern, definitions), rule.context.empty() ? end : joins_.back()));
        }
        start_ = state_of(std::move(starts));
    }

    /// The longest match at `at`; the token of a rule with context is as long as it can be.
    [[nodiscard]] PatternMatch longest(std::u32string_view text, std::size_t at) {
        PatternMatch match;
        std::int32_t rule = -1, state = start_;
        for (std::size_t i = at; i < text.size(); ++i) {
            state = next(state, text[i]);
            if (state < 0) break;
            if (const std::int32_t ended = states_[static_cast<std::size_t>(state)].rule; ended >= 0) {
                rule = ended;
                match.length = i + 1 - at;
            }
        }
        if (rule < 0) return match;
        match.action = actions_[static_cast<std::size_t>(rule)];
        match.token = token_length(text.substr(at, match.length), rule);
        return match;
    }

private:
    struct State {
        std::vector<std::int32_t> steps;   // sorted
        std::int32_t rule = -1;            // lowest that ends here
        std::unordered_map<char32_t, std::int32_t> next;
    };

    std::int32_t add(detail::Step step) {
        steps_.push_back(step);
        return static_cast<std::int32_t>(steps_.size()) - 1;
    }

    std::int32_t compile(const std::u32string& pattern, std::int32_t next) {
        return detail::PatternCompiler{steps_, sets_}.compile(pattern, next);
    }

    static std::u32string expand(std::u32string_view pattern, const std::map<std::u32string, std::u32string>& definitions) {
        std::u32string out;
        for (std::size_t i = 0; i < pattern.size(); ++i) {
            if (pattern[i] == '{' && i + 1 < pattern.size() && pattern[i + 1] >= 'A' && pattern[i + 1] <= 'Z') {
                const std::size_t end = std::min(pattern.find('}', i), pattern.size());
                const auto found = definitions.find(std::u32string(pattern.substr(i + 1, end - i - 1)));
                if (found == definitions.end()) fail<UsageError>("pattern: unknown definition at ", i);
                out += U'(' + expand(found->second, definitions) + U')';
                i = end;
            } else {
                out += pattern[i];
                if (pattern[i] == '\\' && i + 1 < pattern.size()) out += pattern[++i];
            }
        }
        return out;
    }

    /// Adds what is reachable without a character.
    void close(std::vector<std::int32_t>& steps) const {
        std::vector<bool> seen(steps_.size(), false);
        std::vector<std::int32_t> todo = std::exchange(steps, {});
        while (!todo.empty()) {
            const std::int32_t step = todo.back();
            todo.pop_back();
            if (step < 0 || seen[static_cast<std::size_t>(step)]) continue;
            seen[static_cast<std::size_t>(step)] = true;
            steps.push_back(step);
            const detail::Step& s = steps_[static_cast<std::size_t>(step)];
            if (s.set < 0) todo.insert(todo.end(), {s.a, s.b});
        }
        std::sort(steps.begin(), steps.end());
    }

    std::vector<std::int32_t> advance(const std::vector<std::int32_t>& steps, char32_t c) const {
        std::vector<std::int32_t> reached;
        for (const std::int32_t step : steps) {
            const detail::Step& s = steps_[static_cast<std::size_t>(step)];
            if (s.set >= 0 && sets_[static_cast<std::size_t>(s.set)].has(c)) reached.push_back(s.a);
        }
        return reached;
    }

    std::int32_t state_of(std::vector<std::int32_t> steps) {
        close(steps);
        if (steps.empty()) return -1;
        const auto [found, fresh] = state_ids_.try_emplace(steps, static_cast<std::int32_t>(states_.size()));
        if (!fresh) return found->second;
        State state;
        for (const std::int32_t step : steps)
            if (const std::int32_t rule = steps_[static_cast<std::size_t>(step)].rule; rule >= 0)
                state.rule = state.rule < 0 ? rule : std::min(state.rule, rule);
        state.steps = std::move(steps);
        states_.push_back(std::move(state));
        return found->second;
    }

    std::int32_t next(std::int32_t from, char32_t c) {
        State& state = states_[static_cast<std::size_t>(from)];
        if (const auto known = state.next.find(c); known != state.next.end()) return known->second;
        const std::int32_t to = state_of(advance(state.steps, c));
        return states_[static_cast<std::size_t>(from)].next[c] = to;   // state_of may have moved the states
    }

    /// The longest prefix of `matched` after which the rest is the rule's context.
    std::size_t token_length(std::u32string_view matched, std::int32_t rule) const;

    std::vector<detail::Step> steps_;
    std::vector<detail::CharacterSet> sets_;
    std::vector<int> actions_;
    std::vector<std::int32_t> joins_;
    std::map<std::vector<std::int32_t>, std::int32_t> state_ids_;
    std::vector<State> states_;
    std::int32_t start_ = -1;
};

inline std::size_t PatternLexer::token_length(std::u32string_view matched, std::int32_t rule) const {
    const std::int32_t join = joins_[static_cast<std::size_t>(rule)];
    if (join < 0) return matched.size();
    std::vector<bool> may_end(matched.size() + 1, false);   // a token of this rule can end here
    std::vector<std::int32_t> steps = states_[static_cast<std::size_t>(start_)].steps;
    for (std::size_t i = 0; i <= matched.size(); ++i) {
        may_end[i] = std::binary_search(steps.begin(), steps.end(), join);
        if (i == matched.size()) break;
        steps = advance(steps, matched[i]);
        close(steps);
    }
    for (std::size_t end = matched.size(); end-- > 1;) {
        if (!may_end[end]) continue;
        steps = {join};
        close(steps);
        for (std::size_t i = end; i < matched.size(); ++i) {
            steps = advance(steps, matched[i]);
            close(steps);
        }
        for (const std::int32_t step : steps)
            if (steps_[static_cast<std::size_t>(step)].rule == rule) return end;
    }
    return matched.size();
}

}  // namespace svad::metrics
