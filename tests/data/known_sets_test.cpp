// SPDX-License-Identifier: Apache-2.0
// Small files in the forms of the public caption sets, and what is wrong in others.
#include "svad/data/known_sets.hpp"
#include "svad/data/manifest.hpp"

#include "../io/temp_dir.hpp"

#include <doctest/doctest.h>

using namespace svad;
using data::KnownSet;

namespace {

data::ConvertedSet read(KnownSet kind, std::string_view text, bool chinese = false) {
    return data::read_known_set(kind, text, "set", chinese);
}
using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("known sets: MSR-VTT gives clips with category, split and all their sentences, sorted by id") {
    const auto set = read(KnownSet::msr_vtt, R"({"info": {}, "videos": [
        {"video_id": "video7", "category": 9, "split": "validate", "start time": 10.5, "end time": 22.0, "id": 7},
        {"video_id": "video0", "category": 0, "split": "train"}],
        "sentences": [{"sen_id": 1, "video_id": "video7", "caption": " a car is shown "},
                      {"sen_id": 2, "video_id": "video0", "caption": "a man sings"},
                      {"sen_id": 3, "video_id": "video7", "caption": "a man talks"}]})");
    REQUIRE(set.clips.size() == 2);
    CHECK(set.left_out == 0);
    CHECK(set.clips[0].id == "video0");
    CHECK(set.clips[0].category == "music");
    CHECK(set.clips[1].descriptions == Texts{"a car is shown", "a man talks"});
    CHECK(set.clips[1].category == "vehicles");
    CHECK(set.clips[1].split == "validation");
    CHECK(set.clips[1].seconds.value() == 11.5);
    CHECK_FALSE(set.clips[1].part);   // the distributed files are cut already
}

TEST_CASE("known sets: MSVD is read from its lines and from its table, in the language asked for") {
    const auto lines = read(KnownSet::msvd, "# comment\n\nmv89psg6zh4_33_46 a bird bathes\r\nmv89psg6zh4_33_46 a bird in a sink\n");
    REQUIRE(lines.clips.size() == 1);
    CHECK(lines.clips[0].id == "mv89psg6zh4_33_46");
    CHECK(lines.clips[0].descriptions == Texts{"a bird bathes", "a bird in a sink"});

    const std::string table = "VideoID,Start,End,WorkerID,Source,AnnotationTime,Language,Description\n"
                              "abc,3,9,1,clean,20,English,\"a cat, asleep\"\nabc,3,9,2,clean,20,Chinese,\xE4\xB8\x80\xE5\x8F\xAA\xE7\x8C\xAB\nabc,3\n";
    const auto english = read(KnownSet::msvd, table), chinese = read(KnownSet::msvd, table, true);
    CHECK(english.clips.at(0).id == "abc_3_9");
    CHECK(english.clips[0].descriptions == Texts{"a cat, asleep"});
    CHECK(chinese.clips.at(0).descriptions == Texts{"\xE4\xB8\x80\xE5\x8F\xAA\xE7\x8C\xAB"});
    CHECK(english.left_out == 1);
    CHECK(english.problems.at(0) == "set: line 4 has 2 cells; the header has 8");
}

TEST_CASE("known sets: VATEX has two languages") {
    const char* const text = R"([{"videoID": "Ptf_2VRj-V0_000122_000132", "enCap": ["He lifts.", "A man lifts."], "chCap": ["他举重"]},
                                 {"videoID": "x_000001_000011", "chCap": ["一人"]}])";
    const auto english = read(KnownSet::vatex, text);
    REQUIRE(english.clips.size() == 1);
    CHECK(english.clips[0].descriptions.size() == 2);
    CHECK(english.left_out == 2);   // the second clip lacks enCap, and so has no description
    CHECK(read(KnownSet::vatex, text, true).clips.size() == 2);
}

TEST_CASE("known sets: YouCook2 gives the parts of each video with their times") {
    const auto set = read(KnownSet::youcook2, R"({"database": {"GLd3aX16zBg": {"duration": 241.62, "subset": "training",
        "recipe_type": "113", "annotations": [{"segment": [90, 102], "id": 0, "sentence": "spread margarine on bread"},
        {"segment": [114, 127.5], "id": 1, "sentence": "place cheese"}, {"segment": [5, 5], "id": 2, "sentence": "nothing"}]}}})");
    REQUIRE(set.clips.size() == 2);
    CHECK(set.clips[1].id == "GLd3aX16zBg#001");
    CHECK(set.clips[1].file == "GLd3aX16zBg");
    CHECK(set.clips[1].part->first == 114);
    CHECK(set.clips[1].part->second == 127.5);
    CHECK(set.clips[1].split == "train");
    CHECK(set.clips[1].category == "113");
    CHECK(set.left_out == 1);
    CHECK(set.problems.at(0).find("should be [start, end]") != std::string::npos);
}

TEST_CASE("known sets: COCO gives pictures, and annotations of unknown ones are counted") {
    const auto set = read(KnownSet::coco, R"({"images": [{"id": 9, "file_name": "000000000009.jpg"}, {"id": 5, "file_name": "5.jpg"}],
        "annotations": [{"image_id": 9, "id": 1, "caption": "A box of food."}, {"image_id": 3, "id": 2, "caption": "What?"},
                        {"image_id": 5, "id": 3, "caption": " "}]})");
    REQUIRE(set.clips.size() == 1);
    CHECK(set.clips[0].file == "000000000009.jpg");
    CHECK(set.left_out == 3);   // unknown image, empty caption, image without caption
}

TEST_CASE("known sets: Youku-mPLUG tables name files, captions and labels") {
    const auto captions = read(KnownSet::youku, "clip_name:FILE,caption\nvideos/caption/a.mp4,\"一个人, 跑步\"\n,x\n");
    REQUIRE(captions.clips.size() == 1);
    CHECK(captions.clips[0].file == "videos/caption/a.mp4");
    CHECK(captions.clips[0].descriptions == Texts{"一个人, 跑步"});
    CHECK(captions.left_out == 1);
    CHECK(read(KnownSet::youku, "video_id:FILE,title,label\nv.mp4,宠物兔,宠物\n").clips.at(0).category == "宠物");
}

TEST_CASE("known sets: a file of another kind says what it lacks") {
    CHECK_THROWS_WITH_AS(read(KnownSet::msr_vtt, "{}"), doctest::Contains("set: has no list 'videos'"), io::FormatError);
    CHECK_THROWS_WITH_AS(read(KnownSet::youcook2, "[]"), doctest::Contains("no object 'database'"), io::FormatError);
    CHECK_THROWS_WITH_AS(read(KnownSet::vatex, "{}"), doctest::Contains("should be a list of clips"), io::FormatError);
    CHECK_THROWS_WITH_AS(read(KnownSet::youku, "a,b\n"), doctest::Contains("':FILE'"), io::FormatError);
    CHECK_THROWS_WITH_AS(read(KnownSet::msvd, "VideoID,Start\n"), doctest::Contains("lacks one of"), io::FormatError);
    CHECK_THROWS_WITH_AS(read(KnownSet::coco, R"({"images": [], "annotations": []})"), "set: no clip has a description", io::FormatError);
    CHECK_THROWS_AS(read(KnownSet::coco, "{"), io::FormatError);
}

TEST_CASE("known sets: a converted clip is a line that read_manifest reads back") {
    const TempDir folder;
    const auto set = read(KnownSet::youcook2, R"({"database": {"v": {"subset": "validation", "recipe_type": 3,
        "annotations": [{"segment": [1, 2.5], "sentence": "cut \"it\""}]}}})");
    io::write_atomic(folder / "m.jsonl", io::dump(data::manifest_line(set.clips.at(0), "raw/v.mkv", false)) + "\n");
    const data::Manifest manifest = data::read_manifest(folder / "m.jsonl");
    REQUIRE(manifest.problems.empty());
    CHECK(manifest.records.at(0).video == folder / "raw/v.mkv");
    CHECK(manifest.records[0].descriptions == Texts{"cut \"it\""});
    CHECK(manifest.records[0].category == "3");
    CHECK(manifest.records[0].seconds == 1.5);
    CHECK_FALSE(manifest.records[0].primary);
}
