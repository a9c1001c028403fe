// SPDX-License-Identifier: Apache-2.0
//
// Sentences about scenes: long ordered descriptions, short titles, and very short statements of a fact or
// two.
// Promise: each graded fact of the domain is named by its canonical word and never contradicted; only the
// words around it vary. The order of verbs in the text is the order of time. The caption is a function of
// (scene, variant). One template filled in was rejected: a model, or a copied frequent sentence, would score
// well by its frame alone.
#pragma once

#include <array>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "svad/core/random.hpp"
#include "svad/data/synth/grade.hpp"
#include "svad/data/synth/scene.hpp"

namespace svad::data::synth {

/// A sentence and those of its words that name facts, as an offline keyword extraction would find them.
struct Caption {
    std::string text;
    std::vector<Mention> keywords; ///< each different word once, in the order of the text
};

namespace detail {

/// Replaces each {name} of a template; an unknown name is a UsageError.
inline std::string fill(std::string_view pattern,
                        const std::vector<std::pair<std::string_view, std::string>>& values) {
    std::string out;
    for (std::size_t i = 0; i < pattern.size();) {
        if (pattern[i] != '{') {
            out += pattern[i++];
            continue;
        }
        const std::size_t end = pattern.find('}', i);
        const std::string_view name = pattern.substr(i + 1, end - i - 1);
        bool known = false;
        for (const auto& [key, value] : values)
            if (key == name) out += value, known = true;
        if (!known)
            fail<UsageError>("grammar: a template names an unknown slot; got ", std::string(name),
                             "; fix it");
        i = end + 1;
    }
    return out;
}

/// Upper case at the beginning of each sentence.
inline std::string sentence_case(std::string text) {
    bool start = true;
    for (char& c : text) {
        if (start && std::isalpha(static_cast<unsigned char>(c))) {
            c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
            start = false;
        }
        if (c == '.') start = true;
    }
    return text;
}

inline Caption make_caption(std::string text) {
    Caption caption{sentence_case(std::move(text)), {}};
    for (Mention& mention : find_mentions(caption.text)) {
        bool known = false;
        for (const Mention& old : caption.keywords)
            known = known || (old.kind == mention.kind && old.text == mention.text);
        if (!known) caption.keywords.push_back(std::move(mention));
    }
    return caption;
}

inline Index count_words(std::string_view text) {
    Index words = text.empty() ? 0 : 1;
    for (const char c : text) words += c == ' ';
    return words;
}

inline std::string with_article(std::string_view noun) {
    const bool vowel = std::string_view("aeiou").find(noun.front()) != std::string_view::npos;
    return (vowel ? "an " : "a ") + std::string(noun);
}

inline std::string place_phrase(Place place, Random& random) {
    static constexpr std::array<std::array<std::string_view, 2>, 8> phrases{
        {{"in a kitchen", "in the kitchen"},
         {"on a beach", "at the beach"},
         {"in a park", "in the park"},
         {"in an office", "in the office"},
         {"in a bathroom", "in the bathroom"},
         {"on a street at night", "on a dark street"},
         {"in a forest", "in the forest"},
         {"in a studio", "in the studio"}}};
    return std::string(random.pick(phrases[static_cast<std::size_t>(place)]));
}

/// "three red striped jars", the adjectives in either order.
inline std::string product_phrase(const ClipTruth& truth, Random& random) {
    const std::string_view noun = truth.count == Count::one ? word(truth.object) : plural(truth.object);
    const bool colour_first = random.chance(0.5);
    return std::string(word(truth.count)) + " " +
           std::string(colour_first ? word(truth.colour) : word(truth.material)) + " " +
           std::string(colour_first ? word(truth.material) : word(truth.colour)) + " " + std::string(noun);
}

/// How an action sentence speaks of the product that the hand takes.
inline std::string mention_product(const ClipTruth& truth, Random& random) {
    const std::string noun(word(truth.object)), colour(word(truth.colour));
    const std::array<std::string, 3> single{"it", "the " + noun, "the " + colour + " " + noun};
    const std::array<std::string, 3> several{"the nearest of them", "the nearest " + noun,
                                             "the front " + noun};
    return random.pick(truth.count == Count::one ? single : several);
}

inline std::string action_phrase(const ClipTruth& truth, Action action, Random& random) {
    static constexpr std::array<std::array<std::string_view, 3>, 7> phrases{
        {{"lifts {it} high up", "lifts {it} off the table", "lifts {it} into the air"},
         {"opens {it} so that bright rays come out", "opens {it} with the fingertips",
          "opens {it} carefully"},
         {"pours a drink from {it} into a glass", "pours from {it} into a glass",
          "pours from {it}, filling a glass"},
         {"presses {it} flat with the palm", "presses {it} hard against the table",
          "presses {it} from above"},
         {"turns {it} upside down", "turns {it} around in the air", "turns {it} all the way over"},
         {"lowers {it} onto the table", "lowers {it} gently from above", "lowers {it} down to the table"},
         {"shakes {it} from side to side", "shakes {it} quickly", "shakes {it} hard"}}};
    const std::string_view pattern = random.pick(phrases[static_cast<std::size_t>(action)]);
    return fill(pattern, {{"it", mention_product(truth, random)}});
}

inline std::string subject_of(Person person, Random& random) {
    static constexpr std::array<std::string_view, 4> pronouns{"he", "she", "the chef", "the robot"};
    const std::string noun = "the " + std::string(word(person));
    const std::array<std::string, 3> ways{noun, std::string(pronouns[static_cast<std::size_t>(person)]),
                                          "a hand"};
    return random.pick(ways);
}

inline constexpr std::array<std::string_view, 10> kOpenings{
    "{place}, {products} {stand} on the {side} while a {person} waits beside {them}.",
    "{products} {stand} on the {side} side of the picture, in front of a {person} {place}.",
    "a {person} {place} presents {products}, placed on the {side}.",
    "on the {side} of a table {place} {stand} {products}; next to {them} is a {person}.",
    "the clip begins with {products} on the {side}, shown by a {person} {place}.",
    "we see a {person} {place}, and on the {side} of the table {products}.",
    "the scene, set {place}, shows a {person} with {products} on the {side} of the frame.",
    "{products} can be seen on the {side}, and a {person} looks on {place}.",
    "filmed {place}, a {person} points at {products} on the {side} of the screen.",
    "here {stand} {products}, on the {side} of the picture, offered by a {person} {place}."};

inline constexpr std::array<std::string_view, 11> kSequences{
    "first {who} {one}, and then {who} {two}.",
    "{who} {one}. after that {who} {two}.",
    "to begin with, {who} {one}; next {who} {two}.",
    "{who} {one} before the camera cuts, and afterwards {two}.",
    "then {who} {one}, and in the last shot {who} {two}.",
    "{who} {one} and finally {two}.",
    "in the next shot {who} {one}; in the shot that follows, {who} {two}.",
    "up close, {who} {one}, following which {who} {two}.",
    "a moment later {who} {one}. to finish, {who} {two}.",
    "soon {who} {one}; the film ends as {who} {two}.",
    "now {who} {one}, but only until the cut, for then {who} {two}."};

inline constexpr std::array<std::string_view, 6> kClosings{
    "the {colour} {object} remains on the {side} until the end.",
    "all along, the {material} {object} stays in view on the {side}.",
    "the camera keeps close to the {colour} {object} at all times.",
    "the {material} pattern of the {object} is clearly visible throughout.",
    "throughout the film the {object} is shown on the {side}.",
    "each shot shows the {colour} {object} under the same light."};

inline constexpr std::array<std::string_view, 9> kTitles{
    "new today: {colour} {object}, tried out {place}",
    "watch how a {person} {verb} this {colour} {object}",
    "our {colour} {object}, made for your day {place}",
    "the best {colour} {object} to have {place}, says a {person}",
    "{person} {verb} {aobject} {place}, short review",
    "must have: {products} seen {place}",
    "review of {products}, by a {person}",
    "{verb} easily: the {material} {colour} {object} for everyone",
    "only today, {products} {place}"};

} // namespace detail

/// The description of a scene. Primary: 30 to 60 words, all facts, actions in order. Auxiliary: a title of 5
/// to 13 words that names the product, its colour and some of the rest. Different variants are different
/// wordings.
inline Caption describe(const Scene& scene, std::uint64_t variant = 0) {
    Random random(scene.seed, detail::stream_of(scene.domain, scene.index, 1 + variant % 7) ^ (variant / 7)
                                                                                                  << 48);
    const ClipTruth& truth = scene.truth;
    const bool single = truth.count == Count::one;
    const std::string person(word(truth.person)), place = detail::place_phrase(truth.place, random);
    const std::vector<std::pair<std::string_view, std::string>> facts{
        {"products", detail::product_phrase(truth, random)},
        {"place", place},
        {"person", person},
        {"side", std::string(word(truth.side))},
        {"stand", single ? "stands" : "stand"},
        {"them", single ? "it" : "them"},
        {"colour", std::string(word(truth.colour))},
        {"object", std::string(word(truth.object))},
        {"material", std::string(word(truth.material))},
        {"aobject", detail::with_article(word(truth.colour)) + " " + std::string(word(truth.object))},
        {"verb", truth.actions.empty() ? std::string() : std::string(word(truth.actions[0]))}};
    if (scene.domain == Domain::auxiliary)
        return detail::make_caption(detail::fill(random.pick(detail::kTitles), facts));
    const std::string first = detail::action_phrase(truth, truth.actions.at(0), random);
    const std::string second = detail::action_phrase(truth, truth.actions.at(1), random);
    const std::string who = detail::subject_of(truth.person, random);
    std::string text = detail::fill(random.pick(detail::kOpenings), facts);
    text += ' ';
    text += detail::fill(random.pick(detail::kSequences), {{"who", who}, {"one", first}, {"two", second}});
    const Index closing = random.below(static_cast<Index>(detail::kClosings.size()));
    const Index words = detail::count_words(text);
    if (words < 30 || (words < 46 && random.chance(0.3)))
        text += join(" ", detail::fill(detail::kClosings[static_cast<std::size_t>(closing)], facts));
    return detail::make_caption(std::move(text));
}

/// Several very short statements of a fact or two, all true of the scene.
inline std::vector<Caption> short_facts(const Scene& scene, std::size_t count = 6) {
    const ClipTruth& truth = scene.truth;
    const auto text = [](auto fact) { return std::string(word(fact)); };
    const bool single = truth.count == Count::one;
    const std::string noun = single ? text(truth.object) : std::string(plural(truth.object));
    const std::string stand = single ? " stands" : " stand";
    Random random(scene.seed, detail::stream_of(scene.domain, scene.index, 9));
    std::vector<std::string> all{text(truth.count) + " " + text(truth.colour) + " " + noun,
                                 text(truth.material) + " " + text(truth.colour) + " " + noun,
                                 "the " + noun + stand + " on the " + text(truth.side),
                                 "a " + text(truth.person) + " " + detail::place_phrase(truth.place, random),
                                 text(truth.count) + " " + noun + " on the " + text(truth.side),
                                 "a " + text(truth.person) + " with " + text(truth.count) + " " +
                                     text(truth.material) + " " + noun,
                                 text(truth.colour) + " and " + text(truth.material)};
    if (truth.actions.size() == 2) {
        const std::string one = text(truth.actions[0]), two = text(truth.actions[1]);
        all.push_back("first " + one + " then " + two);
        all.push_back("a hand " + one + " the " + text(truth.object) + " and then " + two + " it");
    } else if (!truth.actions.empty()) {
        all.push_back("a hand " + text(truth.actions[0]) + " the " + text(truth.object));
    }
    random.shuffle(std::span<std::string>(all));
    std::vector<Caption> captions;
    for (std::size_t i = 0; i < all.size() && i < count; ++i)
        captions.push_back({all[i], find_mentions(all[i])});
    return captions;
}

} // namespace svad::data::synth
