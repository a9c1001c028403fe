// SPDX-License-Identifier: Apache-2.0
//
// The vocabulary of the synthetic advertisements: what there is, and the one canonical word for each thing.
// Promise: every graded fact of a clip is a member of `ClipTruth` and has a word that no other fact uses, so
// that a sentence can be checked by looking for words. Free-form truth (a caption as the only record) was
// rejected: it cannot say whether a different sentence is right.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "svad/core/error.hpp"
#include "svad/io/json.hpp"

namespace svad::data::synth {

/// Which of the two data sets: the finely described one, or the larger one with short titles.
enum class Domain : std::uint8_t { primary, auxiliary };

/// Products; the last four occur in the auxiliary domain only.
enum class Object : std::uint8_t { jar, cup, bottle, box, tube, lamp, ball, teapot, shoe, hat, book, clock };
enum class Colour : std::uint8_t { red, orange, yellow, green, blue, purple, white, black };
/// Where in the picture the products stand; the person is on the other side.
enum class Side : std::uint8_t { left, right };
enum class Count : std::uint8_t { one, two, three };
enum class Material : std::uint8_t { plain, striped, dotted };
/// Places; the last two occur in the auxiliary domain only.
enum class Place : std::uint8_t { kitchen, beach, park, office, bathroom, street, forest, studio };
enum class Person : std::uint8_t { man, woman, chef, robot };
enum class Action : std::uint8_t { lift, open, pour, press, turn, lower, shake };

inline constexpr std::array<std::string_view, 12> kObjectWords{
    "jar", "cup", "bottle", "box", "tube", "lamp", "ball", "teapot", "shoe", "hat", "book", "clock"};
inline constexpr std::array<std::string_view, 12> kObjectPlurals{"jars",  "cups",  "bottles", "boxes",
                                                                 "tubes", "lamps", "balls",   "teapots",
                                                                 "shoes", "hats",  "books",   "clocks"};
inline constexpr std::array<std::string_view, 8> kColourWords{"red",  "orange", "yellow", "green",
                                                              "blue", "purple", "white",  "black"};
inline constexpr std::array<std::string_view, 2> kSideWords{"left", "right"};
inline constexpr std::array<std::string_view, 3> kCountWords{"one", "two", "three"};
inline constexpr std::array<std::string_view, 3> kMaterialWords{"plain", "striped", "dotted"};
inline constexpr std::array<std::string_view, 8> kPlaceWords{"kitchen",  "beach",  "park",   "office",
                                                             "bathroom", "street", "forest", "studio"};
inline constexpr std::array<std::string_view, 4> kPersonWords{"man", "woman", "chef", "robot"};
inline constexpr std::array<std::string_view, 7> kActionWords{"lifts", "opens",  "pours", "presses",
                                                              "turns", "lowers", "shakes"};

inline constexpr int kPrimaryObjects = 8;
inline constexpr int kPrimaryPlaces = 6;

/// The canonical word of a fact.
inline std::string_view word(Object v) { return kObjectWords[static_cast<std::size_t>(v)]; }
inline std::string_view word(Colour v) { return kColourWords[static_cast<std::size_t>(v)]; }
inline std::string_view word(Side v) { return kSideWords[static_cast<std::size_t>(v)]; }
inline std::string_view word(Count v) { return kCountWords[static_cast<std::size_t>(v)]; }
inline std::string_view word(Material v) { return kMaterialWords[static_cast<std::size_t>(v)]; }
inline std::string_view word(Place v) { return kPlaceWords[static_cast<std::size_t>(v)]; }
inline std::string_view word(Person v) { return kPersonWords[static_cast<std::size_t>(v)]; }
inline std::string_view word(Action v) { return kActionWords[static_cast<std::size_t>(v)]; }
/// The plural of a product's word.
inline std::string_view plural(Object v) { return kObjectPlurals[static_cast<std::size_t>(v)]; }

/// Everything that a description of a clip may be checked for. `actions` are in the order of time: two in the
/// primary domain, one in the auxiliary domain.
struct ClipTruth {
    Object object = Object::jar;
    Colour colour = Colour::red;
    Side side = Side::left;
    Count count = Count::one;
    Material material = Material::plain;
    Place place = Place::kitchen;
    Person person = Person::man;
    std::vector<Action> actions;

    bool operator==(const ClipTruth&) const = default;
};

/// What can sensibly be done with a product.
inline std::vector<Action> actions_of(Object object) {
    std::vector<Action> all{Action::lift, Action::press, Action::turn, Action::lower, Action::shake};
    const bool lid = object == Object::jar || object == Object::bottle || object == Object::box ||
                     object == Object::tube || object == Object::teapot;
    const bool fluid = object == Object::jar || object == Object::bottle || object == Object::cup ||
                       object == Object::teapot;
    if (lid) all.push_back(Action::open);
    if (fluid) all.push_back(Action::pour);
    return all;
}

/// The record that manifests carry: one word a fact, `actions` as a list.
inline io::Json to_json(const ClipTruth& truth) {
    io::Json actions = io::Json::array();
    for (const Action action : truth.actions) actions.push_back(std::string(word(action)));
    return io::object({
            {"object", std::string(word(truth.object))},     {"colour", std::string(word(truth.colour))},
            {"side", std::string(word(truth.side))},         {"count", std::string(word(truth.count))},
            {"material", std::string(word(truth.material))}, {"place", std::string(word(truth.place))},
            {"person", std::string(word(truth.person))},     {"actions", std::move(actions)}});
}

namespace detail {

template <class E, std::size_t N>
E fact_of(const io::Json& value, const std::array<std::string_view, N>& words, std::string_view kind) {
    if (value.is_string())
        for (std::size_t i = 0; i < N; ++i)
            if (value.get_ref<const std::string&>() == words[i]) return static_cast<E>(i);
    fail<io::FormatError>("clip_truth: ", kind, " is not a known word; got ", value.dump().substr(0, 60),
                          "; use a word of svad/data/synth/world.hpp");
}

inline const io::Json& member_of(const io::Json& record, const char* name) {
    if (!record.is_object() || !record.contains(name))
        fail<io::FormatError>("clip_truth: a record must have the member ", name, "; got ",
                              record.dump().substr(0, 60), "; write records with to_json");
    return record.at(name);
}

} // namespace detail

/// Reads what `to_json` wrote. Throws io::FormatError for a missing member or an unknown word.
inline ClipTruth truth_from_json(const io::Json& record) {
    using detail::fact_of, detail::member_of;
    ClipTruth truth;
    truth.object = fact_of<Object>(member_of(record, "object"), kObjectWords, "object");
    truth.colour = fact_of<Colour>(member_of(record, "colour"), kColourWords, "colour");
    truth.side = fact_of<Side>(member_of(record, "side"), kSideWords, "side");
    truth.count = fact_of<Count>(member_of(record, "count"), kCountWords, "count");
    truth.material = fact_of<Material>(member_of(record, "material"), kMaterialWords, "material");
    truth.place = fact_of<Place>(member_of(record, "place"), kPlaceWords, "place");
    truth.person = fact_of<Person>(member_of(record, "person"), kPersonWords, "person");
    const io::Json& actions = member_of(record, "actions");
    if (!actions.is_array() || actions.size() > 8)
        fail<io::FormatError>("clip_truth: actions must be a list of at most 8; got ",
                              actions.dump().substr(0, 60), "; write records with to_json");
    for (const io::Json& action : actions)
        truth.actions.push_back(fact_of<Action>(action, kActionWords, "action"));
    return truth;
}

} // namespace svad::data::synth
