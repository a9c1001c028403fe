// SPDX-License-Identifier: Apache-2.0
//
// Which facts a text names, found by looking for words, and whether they are true of a clip.
// Promise: `grade` reads the text only; wording, length and grammar do not matter. A fact is right where the
// text names the true word and no other word of its kind, so that naming everything earns nothing. Of actions
// the first two different ones count. Scores of sentence overlap were rejected for this: they hardly move
// when left becomes right.
#pragma once

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "svad/data/synth/world.hpp"

namespace svad::data::synth {

/// The kinds of facts, and their names in manifests.
enum class Kind : std::uint8_t { object, colour, side, count, material, place, person, action };
inline constexpr std::array<std::string_view, 8> kKindWords{"object",   "colour", "side",   "count",
                                                            "material", "place",  "person", "action"};
inline std::string_view word(Kind kind) { return kKindWords[static_cast<std::size_t>(kind)]; }

/// One word of the vocabulary in a text.
struct Mention {
    Kind kind;
    std::size_t value;  ///< index among the words of its kind
    std::size_t offset; ///< first byte in the text
    std::string text;   ///< as written there
};

/// All mentions of vocabulary words, in the order of the text. Words are runs of ASCII letters; case is
/// ignored and the plural of a product counts as the product.
inline std::vector<Mention> find_mentions(std::string_view text) {
    std::vector<Mention> found;
    const auto letter = [&](std::size_t i) { return std::isalpha(static_cast<unsigned char>(text[i])) != 0; };
    for (std::size_t begin = 0; begin < text.size();) {
        if (!letter(begin)) {
            ++begin;
            continue;
        }
        std::size_t end = begin;
        std::string lower;
        for (; end < text.size() && letter(end); ++end)
            lower += static_cast<char>(std::tolower(static_cast<unsigned char>(text[end])));
        const auto look = [&](const auto& words, Kind kind) {
            for (std::size_t i = 0; i < words.size(); ++i)
                if (words[i] == lower)
                    found.push_back({kind, i, begin, std::string(text.substr(begin, end - begin))});
        };
        look(kObjectWords, Kind::object);
        look(kObjectPlurals, Kind::object);
        look(kColourWords, Kind::colour);
        look(kSideWords, Kind::side);
        look(kCountWords, Kind::count);
        look(kMaterialWords, Kind::material);
        look(kPlaceWords, Kind::place);
        look(kPersonWords, Kind::person);
        look(kActionWords, Kind::action);
        begin = end;
    }
    return found;
}

/// What became of one fact.
struct Verdict {
    bool named = false; ///< the text says something of this kind
    bool right = false; ///< and it is true

    bool operator==(const Verdict&) const = default;
};

/// What became of each fact. `action[i]` is about the clip's action i, wherever in the text it stands;
/// `order` is named only where both actions of the clip are right. An action that the clip does not have
/// counts as a wrong naming of one that the text omits.
struct Graded {
    Verdict object, colour, side, count, material, place, person;
    std::array<Verdict, 2> action;
    Verdict order;

    /// The verdicts with their names, `order` last.
    std::vector<std::pair<std::string_view, Verdict>> all() const {
        return {{"object", object},      {"colour", colour}, {"side", side},     {"count", count},
                {"material", material},  {"place", place},   {"person", person}, {"action 1", action[0]},
                {"action 2", action[1]}, {"order", order}};
    }
    /// The share of right verdicts among all, from 0 to 1.
    double score() const {
        const auto verdicts = all();
        const auto right =
            std::count_if(verdicts.begin(), verdicts.end(), [](const auto& v) { return v.second.right; });
        return static_cast<double>(right) / static_cast<double>(verdicts.size());
    }
};

/// Checks `text` against `truth`. For a truth with one action, `action[1]` and `order` stay unnamed.
inline Graded grade(std::string_view text, const ClipTruth& truth) {
    const std::vector<Mention> mentions = find_mentions(text);
    const auto fact = [&](Kind kind, std::size_t value) {
        Verdict verdict;
        bool other = false;
        for (const Mention& m : mentions) {
            if (m.kind != kind) continue;
            verdict.named = true;
            if (m.value == value)
                verdict.right = true;
            else
                other = true;
        }
        verdict.right = verdict.right && !other;
        return verdict;
    };
    Graded graded;
    graded.object = fact(Kind::object, static_cast<std::size_t>(truth.object));
    graded.colour = fact(Kind::colour, static_cast<std::size_t>(truth.colour));
    graded.side = fact(Kind::side, static_cast<std::size_t>(truth.side));
    graded.count = fact(Kind::count, static_cast<std::size_t>(truth.count));
    graded.material = fact(Kind::material, static_cast<std::size_t>(truth.material));
    graded.place = fact(Kind::place, static_cast<std::size_t>(truth.place));
    graded.person = fact(Kind::person, static_cast<std::size_t>(truth.person));
    std::vector<std::size_t> said;
    for (const Mention& m : mentions)
        if (m.kind == Kind::action && std::find(said.begin(), said.end(), m.value) == said.end())
            said.push_back(m.value);
    if (said.size() > truth.actions.size()) said.resize(truth.actions.size());
    const std::size_t count = std::min<std::size_t>(truth.actions.size(), 2);
    std::size_t right = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const auto action = static_cast<std::size_t>(truth.actions[i]);
        graded.action[i].right = std::find(said.begin(), said.end(), action) != said.end();
        graded.action[i].named = graded.action[i].right;
        right += graded.action[i].right;
    }
    for (std::size_t i = 0, wrong = said.size() - right; i < count && wrong > 0; ++i)
        if (!graded.action[i].named) graded.action[i].named = true, --wrong;
    graded.order.named = count == 2 && graded.action[0].right && graded.action[1].right;
    graded.order.right = graded.order.named && said[0] == static_cast<std::size_t>(truth.actions[0]);
    return graded;
}

} // namespace svad::data::synth
