// SPDX-License-Identifier: Apache-2.0
// A small lexer: a table of patterns, the longest match wins, the first pattern on a tie, as in lex and JFlex.
//
// Promise: linear time in the text for a fixed table (Thompson's NFA, turned into a DFA state by state as texts need
// it; what lies more than `reach` characters behind a match is not looked at); patterns are checked when the table is
// built. A rule may have a context that must follow; it counts towards the length, as in JFlex. Why: the PTB tokenizer
// is defined by such a table, and quirks of longest match are part of it. Syntax: see pattern_compile.hpp; {NAME} is a
// definition. Rejected: one std::regex per rule (tries all, backtracks).
#pragma once

#include "svad/core/error.hpp"
#include "svad/text/pattern_compile.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace svad::text {

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

    /// How far a match may be looked for behind the last place where one ended: a text of a million "<!" would else be
    /// read to its end a million times.
    static constexpr std::size_t reach = 1000;

    /// The longest match at `at`; the token of a rule with context is as long as it can be.
    [[nodiscard]] PatternMatch longest(std::u32string_view text, std::size_t at) {
        PatternMatch match;
        std::int32_t rule = -1, state = start_;
        for (std::size_t i = at; i < text.size(); ++i) {
            state = next(state, text[i]);
            if (state < 0 || i - at > match.length + reach) break;
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
        std::array<std::int32_t, 128> ascii;
        std::unordered_map<char32_t, std::int32_t> next;   // of the other characters

        State() { ascii.fill(unknown); }
    };

    static constexpr std::int32_t unknown = -2;

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
        if (c < state.ascii.size()) {
            if (state.ascii[c] != unknown) return state.ascii[c];
        } else if (const auto known = state.next.find(c); known != state.next.end()) {
            return known->second;
        }
        const std::int32_t to = state_of(advance(state.steps, c));
        State& again = states_[static_cast<std::size_t>(from)];   // state_of may have moved the states
        return (c < again.ascii.size() ? again.ascii[c] : again.next[c]) = to;
    }

    /// The longest prefix of `matched` after which the rest is the rule's context.
    std::size_t token_length(std::u32string_view matched, std::int32_t rule);

    std::vector<detail::Step> steps_;
    std::vector<detail::CharacterSet> sets_;
    std::vector<int> actions_;
    std::vector<std::int32_t> joins_;
    std::map<std::vector<std::int32_t>, std::int32_t> state_ids_;
    std::vector<State> states_;
    std::vector<bool> may_end_;
    std::int32_t start_ = -1;
};

inline std::size_t PatternLexer::token_length(std::u32string_view matched, std::int32_t rule) {
    const std::int32_t join = joins_[static_cast<std::size_t>(rule)];
    if (join < 0) return matched.size();
    const auto holds = [&](std::int32_t state, std::int32_t step) {
        const auto& steps = states_[static_cast<std::size_t>(state)].steps;
        return std::binary_search(steps.begin(), steps.end(), step);
    };
    may_end_.assign(matched.size() + 1, false);   // a token of this rule can end here
    std::int32_t state = start_;
    for (std::size_t i = 0; i <= matched.size(); ++i) {
        may_end_[i] = holds(state, join);
        if (i < matched.size()) state = next(state, matched[i]);   // never -1: the whole of `matched` matches
    }
    const std::int32_t context = state_of({join});
    for (std::size_t end = matched.size(); end-- > 1;) {
        if (!may_end_[end]) continue;
        state = context;
        for (std::size_t i = end; i < matched.size() && state >= 0; ++i) state = next(state, matched[i]);
        if (state >= 0 && states_[static_cast<std::size_t>(state)].rule == rule) return end;
    }
    return matched.size();
}

}  // namespace svad::text
