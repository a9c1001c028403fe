// SPDX-License-Identifier: Apache-2.0
// The synthetic advertisements: scenes are functions of their number, pictures show what the truth says,
// captions grade as true, and a data set on disk is the same however it was made.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <string>

#include <unistd.h>

#include "svad/data/synth/synth.hpp"

namespace {

using namespace svad;
using namespace svad::data::synth;

double difference(const Tensor<std::uint8_t>& a, const Tensor<std::uint8_t>& b) {
    double sum = 0;
    for (Index i = 0; i < a.numel(); ++i)
        sum += std::abs(static_cast<int>(a.data()[i]) - static_cast<int>(b.data()[i]));
    return sum / static_cast<double>(a.numel());
}

/// A folder that goes away at the end of the test.
struct Folder {
    std::string path;
    Folder() {
        std::string pattern = "/tmp/svad_synth_XXXXXX";
        path = ::mkdtemp(pattern.data());
    }
    ~Folder() {
        for (const auto part : kPartNames) {
            for (int i = 0; i < 8; ++i)
                ::unlink((path + "/videos/" + std::string(part) + "/" +
                          svad::data::synth::detail::clip_name(i) + ".mp4")
                             .c_str());
            ::rmdir((path + "/videos/" + std::string(part)).c_str());
            ::unlink((path + "/" + std::string(part) + ".jsonl").c_str());
        }
        ::rmdir((path + "/videos").c_str());
        ::unlink((path + "/synth.json").c_str());
        ::rmdir(path.c_str());
    }
};

} // namespace

TEST_CASE("sample_scene: the same number gives the same scene, another number another one") {
    const Scene a = sample_scene(3, 5, Domain::primary), b = sample_scene(3, 5, Domain::primary);
    CHECK(a.truth == b.truth);
    CHECK(a.cuts == b.cuts);
    CHECK(difference(render(a, 4), render(b, 4)) == 0.0);
    int same = 0;
    for (std::uint64_t i = 6; i < 106; ++i) same += sample_scene(3, i, Domain::primary).truth == a.truth;
    CHECK(same == 0);
}

TEST_CASE("sample_scene: each of the 8 sampled frames has a shot, and each shot at least two of them") {
    for (std::uint64_t i = 0; i < 300; ++i) {
        const Domain domain = i % 2 == 0 ? Domain::primary : Domain::auxiliary;
        const Scene scene = sample_scene(1, i, domain);
        CHECK(scene.frames >= 32);
        CHECK(scene.frames <= 40);
        REQUIRE(scene.cuts.size() == scene.truth.actions.size() + 1);
        std::vector<int> seen(scene.cuts.size());
        for (Index k = 0; k < 8; ++k) ++seen[scene.shot_of(segment_centre(scene.frames, 8, k))];
        CHECK(*std::min_element(seen.begin(), seen.end()) >= 2);
    }
}

TEST_CASE("sample_scene: actions differ, suit the product, and both orders are equally frequent") {
    std::map<std::pair<Action, Action>, int> orders;
    for (std::uint64_t i = 0; i < 4000; ++i) {
        const ClipTruth truth = sample_scene(2, i, Domain::primary).truth;
        REQUIRE(truth.actions.size() == 2);
        CHECK(truth.actions[0] != truth.actions[1]);
        const auto possible = actions_of(truth.object);
        for (const Action a : truth.actions)
            CHECK(std::find(possible.begin(), possible.end(), a) != possible.end());
        ++orders[{truth.actions[0], truth.actions[1]}];
    }
    CHECK(orders.size() == 42);
    int ahead = 0, all = 0;
    for (const auto& [pair, n] : orders) {
        all += n;
        if (pair.first < pair.second) ahead += n;
    }
    CHECK(std::abs(ahead - all / 2) < 130); // 4 standard deviations of a fair coin
}

TEST_CASE("render: the other side is the mirror image, but for the place, the light and the grain") {
    Scene scene = sample_scene(4, 0, Domain::primary);
    scene.look.slope = 0;
    scene.look.grain = 0;
    scene.truth.place = Place::street;
    scene.truth.side = Side::left;
    const auto left = render(scene, 0, 64);
    scene.truth.side = Side::right;
    scene.look.mirrored_place = !scene.look.mirrored_place;
    const auto right = render(scene, 0, 64);
    Tensor<std::uint8_t> mirrored(Shape{64, 64, 3});
    for (Index y = 0; y < 64; ++y)
        for (Index x = 0; x < 64; ++x)
            for (Index c = 0; c < 3; ++c) mirrored(y, x, c) = right(y, 63 - x, c);
    CHECK(difference(left, right) > 8.0);
    CHECK(difference(left, mirrored) < 3.0);
}

TEST_CASE("render: every fact changes the sampled frames") {
    Scene scene = sample_scene(4, 1, Domain::primary);
    scene.truth.object = Object::jar;
    scene.truth.actions = {Action::lift, Action::turn};
    const auto base = render_sampled(scene);
    CHECK(base.shape() == Shape{8, 64, 64, 3});
    const auto changed = [&](auto change) {
        Scene other = scene;
        change(other.truth);
        return difference(base, render_sampled(other));
    };
    const auto next = [](auto& fact, int n) {
        using Fact = std::remove_reference_t<decltype(fact)>;
        fact = static_cast<Fact>((static_cast<int>(fact) + 1) % n);
    };
    CHECK(changed([](ClipTruth&) {}) == 0.0);
    CHECK(changed([&](ClipTruth& t) { next(t.object, 8); }) > 1.0);
    CHECK(changed([&](ClipTruth& t) { next(t.colour, 8); }) > 1.0);
    CHECK(changed([&](ClipTruth& t) { next(t.side, 2); }) > 4.0);
    CHECK(changed([&](ClipTruth& t) { next(t.count, 3); }) > 1.0);
    CHECK(changed([&](ClipTruth& t) { next(t.material, 3); }) > 0.5);
    CHECK(changed([&](ClipTruth& t) { next(t.place, 6); }) > 4.0);
    CHECK(changed([&](ClipTruth& t) { next(t.person, 4); }) > 0.5);
    CHECK(changed([](ClipTruth& t) { std::swap(t.actions[0], t.actions[1]); }) > 2.0);
    for (const Action a : actions_of(Object::jar))
        if (a != Action::lift) CHECK(changed([&](ClipTruth& t) { t.actions[0] = a; }) > 1.0);
}

TEST_CASE("render: a frame outside the clip is refused by name") {
    const Scene scene = sample_scene(1, 0, Domain::primary);
    CHECK_THROWS_AS(render(scene, scene.frames), UsageError);
    CHECK_THROWS_AS(render_sampled(scene, 0), UsageError);
    CHECK_THROWS_AS(render_sampled(scene, 8, 4), UsageError);
}

TEST_CASE("describe: every primary caption has 30 to 60 words and grades as wholly right") {
    for (std::uint64_t i = 0; i < 600; ++i) {
        const Scene scene = sample_scene(5, i, Domain::primary);
        for (std::uint64_t variant = 0; variant < 3; ++variant) {
            const Caption caption = describe(scene, variant);
            const Index words = svad::data::synth::detail::count_words(caption.text);
            INFO(caption.text);
            CHECK(words >= 30);
            CHECK(words <= 60);
            CHECK(grade(caption.text, scene.truth).score() == 1.0);
            for (const Mention& m : caption.keywords)
                CHECK(caption.text.compare(m.offset, m.text.size(), m.text) == 0);
        }
    }
}

TEST_CASE("describe: wordings vary, and a wording is a function of the variant") {
    const Scene scene = sample_scene(5, 1, Domain::primary);
    std::set<std::string> texts;
    for (std::uint64_t variant = 0; variant < 40; ++variant) texts.insert(describe(scene, variant).text);
    CHECK(texts.size() >= 38);
    CHECK(describe(scene, 3).text == describe(scene, 3).text);
}

TEST_CASE("describe: a title is short, in another pattern, and names nothing false") {
    std::set<std::string> texts;
    for (std::uint64_t i = 0; i < 300; ++i) {
        const Scene scene = sample_scene(5, i, Domain::auxiliary);
        const std::string text = describe(scene).text;
        const Index words = svad::data::synth::detail::count_words(text);
        INFO(text);
        CHECK(words >= 5);
        CHECK(words <= 13);
        const Graded graded = grade(text, scene.truth);
        CHECK(graded.object.right);
        CHECK(graded.colour.right);
        for (const auto& [name, verdict] : graded.all()) CHECK(verdict.named == verdict.right);
        texts.insert(text);
    }
    CHECK(texts.size() > 280);
}

TEST_CASE("short_facts: each statement is short and names nothing false") {
    for (std::uint64_t i = 0; i < 200; ++i) {
        const Scene scene = sample_scene(6, i, Domain::primary);
        const auto facts = short_facts(scene);
        CHECK(facts.size() == 6);
        for (const Caption& fact : facts) {
            INFO(fact.text);
            CHECK(svad::data::synth::detail::count_words(fact.text) <= 10);
            CHECK_FALSE(fact.keywords.empty());
            for (const auto& [name, verdict] : grade(fact.text, scene.truth).all())
                CHECK(verdict.named == verdict.right);
        }
    }
}

TEST_CASE("grade: another clip's caption is wrong in every fact that differs") {
    for (std::uint64_t i = 0; i < 200; ++i) {
        const Scene a = sample_scene(7, i, Domain::primary), b = sample_scene(7, i + 1, Domain::primary);
        const Graded g = grade(describe(b).text, a.truth);
        CHECK(g.object.right == (a.truth.object == b.truth.object));
        CHECK(g.colour.right == (a.truth.colour == b.truth.colour));
        CHECK(g.side.right == (a.truth.side == b.truth.side));
        CHECK(g.count.right == (a.truth.count == b.truth.count));
        CHECK(g.material.right == (a.truth.material == b.truth.material));
        CHECK(g.place.right == (a.truth.place == b.truth.place));
        CHECK(g.person.right == (a.truth.person == b.truth.person));
        CHECK(g.order.right == (a.truth.actions == b.truth.actions));
    }
}

TEST_CASE("grade: the order of verbs, silence and naming everything are told apart") {
    ClipTruth truth;
    truth.actions = {Action::pour, Action::shake};
    CHECK(grade("he pours, then shakes it", truth).order == Verdict{true, true});
    CHECK(grade("he shakes it, then pours", truth).order == Verdict{true, false});
    CHECK(grade("he shakes it", truth).order == Verdict{false, false});
    CHECK(grade("he shakes it", truth).action[0] == Verdict{false, false});
    CHECK(grade("he shakes it", truth).action[1] == Verdict{true, true});
    CHECK(grade("lifts opens pours presses turns lowers shakes", truth).action[0].right == false);
    CHECK(grade("he lifts it", truth).action[0] == Verdict{true, false});
    CHECK(grade("left and right", truth).side == Verdict{true, false});
    CHECK(grade("", truth).score() == 0.0);
    CHECK(grade("two JARS", truth).object == Verdict{true, true});
    CHECK(grade("jarring", truth).object == Verdict{false, false});
}

TEST_CASE("truth: JSON gives the same truth back, and a foreign word is a format error") {
    for (std::uint64_t i = 0; i < 50; ++i) {
        const ClipTruth truth = sample_scene(8, i, i % 2 == 0 ? Domain::primary : Domain::auxiliary).truth;
        CHECK(truth_from_json(to_json(truth)) == truth);
    }
    io::Json record = to_json(ClipTruth{});
    record["colour"] = "mauve";
    CHECK_THROWS_AS(truth_from_json(record), io::FormatError);
    CHECK_THROWS_AS(truth_from_json(io::Json::array()), io::FormatError);
}

TEST_CASE("manifest_line: keywords are canonical, actions carry their place in time") {
    const Scene scene = scene_of(Part::primary_train, 1, 3);
    const io::Json line = manifest_line(Part::primary_train, scene, 3);
    CHECK(line.at("branch") == "primary");
    std::map<std::string, std::string> last;
    for (const auto& k : line.at("keywords")) last[k.at("kind")] = k.at("word");
    CHECK(last.size() == 9);
    CHECK(last["object"] == word(scene.truth.object));
    CHECK(last["count"] == word(scene.truth.count));
    CHECK(last["action1"] == word(scene.truth.actions[0]));
    CHECK(last["action2"] == word(scene.truth.actions[1]));
    CHECK(manifest_line(Part::pretrain, scene_of(Part::pretrain, 1, 0), 0).at("descriptions").size() == 6);
}

#if SVAD_FFMPEG
TEST_CASE("write_dataset: the same bytes again after an interruption and on another number of threads") {
    const SynthOptions options{.primary = 2, .held_out = 1, .auxiliary = 2, .pretrain = 1, .seed = 9};
    const Folder a, b;
    Index calls = 0;
    const int before = threads();
    set_threads(1);
    write_dataset(a.path, options, [&](Index, Index total) { calls += total == 6; });
    CHECK(calls == 6);
    const std::string clip = "/videos/primary_train/000001.mp4";
    const std::string bytes = io::read_file(a.path + clip);
    CHECK(bytes.size() > 2000);
    ::unlink((a.path + clip).c_str());
    write_dataset(a.path, options);
    CHECK(io::read_file(a.path + clip) == bytes);
    set_threads(3);
    write_dataset(b.path, options);
    set_threads(before);
    CHECK(io::read_file(b.path + clip) == bytes);
    for (const auto part : kPartNames) {
        const std::string name = "/" + std::string(part) + ".jsonl";
        CHECK(io::read_file(a.path + name) == io::read_file(b.path + name));
    }
    io::JsonLines lines(a.path + "/primary_train.jsonl");
    io::Json line;
    REQUIRE(lines.next(line));
    CHECK(truth_from_json(line.at("truth")) == scene_of(Part::primary_train, 9, 0).truth);
    CHECK_THROWS_AS(write_dataset(a.path, {.primary = 2, .seed = 10}), UsageError);
}
#endif
