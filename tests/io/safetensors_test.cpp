// SPDX-License-Identifier: Apache-2.0
// Round trips, conversions, shards and hostile files of io/safetensors.hpp.
#include "svad/io/safetensors.hpp"

#include "temp_dir.hpp"

#include <doctest/doctest.h>

#include <cmath>

using namespace svad;

namespace {

/// A file of `header` and `data_bytes` zero bytes after it.
std::string file_of(const std::string& header, std::size_t data_bytes) {
    const std::uint64_t length = header.size();
    return std::string(reinterpret_cast<const char*>(&length), 8) + header + std::string(data_bytes, '\0');
}

/// The error that opening `bytes` gives, or "" if they are accepted and all tensors load.
std::string refusal(const TempDir& dir, const std::string& bytes) {
    io::write_atomic(dir / "f.safetensors", bytes);
    try {
        const auto file = io::SafeTensors::open(dir / "f.safetensors");
        for (const std::string& name : file.names())
            if (file.info(name).dtype) (void)file.load<double>(name);
        return "";
    } catch (const io::FormatError& error) {
        return error.what();
    }
}

}  // namespace

TEST_CASE("safetensors: what was written is read back, by name, shape, type and metadata") {
    const TempDir dir;
    const std::string path = dir / "m.safetensors";
    const Tensor<float> w({2, 3}, {1, 2, 3, 4, 5, 6});
    const Tensor<std::int64_t> ids = Tensor<std::int64_t>::of({-1, std::int64_t{1} << 40});
    const Tensor<float> scalar(Shape{}, std::vector<float>{7}), none(Shape{0, 4});
    const Tensor<bool> mask = Tensor<bool>({3}, {true, false, true});
    io::write_safetensors(path,
                          {io::named("w", w), io::named("ids", ids), io::named("a\"/é", scalar),
                           io::named("none", none), io::named("mask", mask)},
                          {{"step", "12"}});
    const auto file = io::SafeTensors::open(path);
    CHECK(file.size() == 5);
    CHECK(file.metadata().at("step") == "12");
    CHECK(file.info("w").shape == Shape{2, 3});
    CHECK(file.info("ids").dtype == DType::i64);
    const auto back = file.load<float>("w");
    CHECK(std::equal(back.begin(), back.end(), w.begin()));
    CHECK(file.load<std::int64_t>("ids")[1] == std::int64_t{1} << 40);
    CHECK(file.load<float>("a\"/é").rank() == 0);
    CHECK(file.load<float>("none").shape() == Shape{0, 4});
    CHECK(file.load<bool>("mask")[2]);
    CHECK(file.load<float>("mask")[1] == 0.0f);
    CHECK_THROWS_WITH_AS((void)file.load<float>("v"), doctest::Contains("m.safetensors: has no tensor 'v'"),
                         io::FormatError);
}

TEST_CASE(
    "safetensors: wide elements come first, data start at a multiple of 8, order of writing does not "
    "matter") {
    const TempDir dir;
    const auto bytes = Tensor<std::uint8_t>::of({1, 2, 3});
    const auto b = Tensor<float>::of({1}), a = Tensor<float>::of({2});
    const auto wide = Tensor<double>::of({3});
    io::write_safetensors(
        dir / "1", {io::named("a8", bytes), io::named("b", b), io::named("a", a), io::named("z", wide)});
    io::write_safetensors(
        dir / "2", {io::named("z", wide), io::named("a", a), io::named("b", b), io::named("a8", bytes)});
    CHECK(io::read_file(dir / "1") == io::read_file(dir / "2"));
    const auto file = io::SafeTensors::open(dir / "1");
    CHECK(file.info("z").bytes.data() < file.info("a").bytes.data());
    CHECK(file.info("a").bytes.data() < file.info("b").bytes.data());
    CHECK(file.info("b").bytes.data() < file.info("a8").bytes.data());
    CHECK(reinterpret_cast<std::uintptr_t>(file.info("z").bytes.data()) % 8 == 0);
}

TEST_CASE("safetensors: conversions keep values and refuse what does not fit") {
    const TempDir dir;
    const auto half = Tensor<f16>::of({f16(1.5f), f16(-2.0f)});
    const auto brain = Tensor<bf16>::of({bf16(3.25f), bf16(-0.5f)});
    const auto ints = Tensor<std::int32_t>::of({-5, 300});
    io::write_safetensors(dir / "x", {io::named("h", half), io::named("b", brain), io::named("i", ints)});
    const auto file = io::SafeTensors::open(dir / "x");
    CHECK(file.load<float>("h")[1] == -2.0f);
    CHECK(file.load<double>("b")[0] == 3.25);
    CHECK(static_cast<float>(file.load<bf16>("h")[0]) == 1.5f);
    CHECK(file.load<float>("i")[1] == 300.0f);
    CHECK(file.load<std::int16_t>("i")[0] == -5);
    CHECK_THROWS_WITH_AS((void)file.load<std::uint8_t>("i"),
                         doctest::Contains("holds -5, which does not fit u8"), io::FormatError);
    CHECK_THROWS_AS((void)file.load<int>("h"), DTypeError);
}

TEST_CASE("safetensors: shards behind an index are one set of tensors; a wrong index is an error") {
    const TempDir dir;
    const auto a = Tensor<float>::of({1}), b = Tensor<float>::of({2});
    io::write_safetensors(dir / "model-1.safetensors", {io::named("a", a)});
    io::write_safetensors(dir / "model-2.safetensors", {io::named("b", b)});
    const auto index = [&](const char* map) {
        io::write_atomic(dir / "model.safetensors.index.json", std::string{"{\"weight_map\": "} + map + "}");
    };
    index(R"({"a": "model-1.safetensors", "b": "model-2.safetensors"})");
    const auto all = io::open_weights(dir.path);
    CHECK(all.names() == std::vector<std::string>{"a", "b"});
    CHECK(all.load<float>("b")[0] == 2.0f);
    index(R"({"a": "model-1.safetensors", "c": "model-2.safetensors"})");
    CHECK_THROWS_WITH_AS((void)io::open_weights(dir.path), doctest::Contains("'c' is not in"),
                         io::FormatError);
    index(R"({"a": "model-1.safetensors"})");
    CHECK(io::open_weights(dir.path).size() == 1);
    index(R"({"a": "../model-1.safetensors"})");
    CHECK_THROWS_WITH_AS((void)io::open_weights(dir.path),
                         doctest::Contains("not a file of the same directory"), io::FormatError);
    index(R"({"a": "model-3.safetensors"})");
    CHECK_THROWS_AS((void)io::open_weights(dir.path), io::FileError);
    index("[]");
    CHECK_THROWS_AS((void)io::open_weights(dir.path), io::FormatError);
    const TempDir empty;
    CHECK_THROWS_WITH_AS((void)io::open_weights(empty.path), doctest::Contains("holds no model.safetensors"),
                         io::FileError);
}

TEST_CASE("safetensors: a header that lies is refused with the tensor and the place") {
    const TempDir dir;
    const std::string one = R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
    REQUIRE(refusal(dir, file_of(one, 8)) == "");
    const auto with = [&](const std::string& from, const std::string& to, std::size_t data = 8) {
        std::string header = one;
        header.replace(header.find(from), from.size(), to);
        return refusal(dir, file_of(header, data));
    };
    CHECK(refusal(dir, "").find("got only 0 bytes") != std::string::npos);
    CHECK(refusal(dir, file_of(one, 7)).find("past the end of the data") != std::string::npos);
    CHECK(refusal(dir, file_of(one, 9)).find("1 bytes follow the last tensor") != std::string::npos);
    CHECK(refusal(dir, std::string(8, '\xff') + one).find("header of 18446744073709551615 bytes") !=
          std::string::npos);
    CHECK(refusal(dir, file_of(" " + one, 8)).find("does not start with '{'") != std::string::npos);
    CHECK(with("F32", "F33").find("unknown dtype 'F33'") != std::string::npos);
    CHECK(with("[2]", "[3]").find("needs 12 bytes") != std::string::npos);
    CHECK(with("[2]", "[-2]").find("'shape' should be") != std::string::npos);
    CHECK(with("[2]", "[2.0]").find("'shape' should be") != std::string::npos);
    CHECK(with("[2]", "[4611686018427387904,4]").find("2^62") != std::string::npos);
    CHECK(with("[2]", "[0,4611686018427387904,4]").find("2^62") != std::string::npos);
    CHECK(with("[2]", "[1,1,1,1,1,1,1,1,2]").find("9 sizes") != std::string::npos);
    CHECK(with("[0,8]", "[8,0]").find("needs 8 bytes") != std::string::npos);
    CHECK(with("[0,8]", "[4,12]", 12).find("begins at data byte 4") != std::string::npos);
    CHECK(with("[0,8]", "[0,8,9]").find("[begin, end]") != std::string::npos);
    CHECK(with("}}", "},\"t\":{}}").find("'t' occurs twice") != std::string::npos);
    CHECK(with("}}", "},\"u\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}")
              .find("begins at data byte 4") != std::string::npos);
    CHECK(with("}}", "},\"__metadata__\":{\"a\":1}}").find("'a' should be a string") != std::string::npos);
    CHECK(with("}}", "},\"u\":3}").find("expected an object") != std::string::npos);
    CHECK(with("F32\",\"shape\":[2]", "F4\",\"shape\":[3]").find("whole byte") != std::string::npos);
    CHECK(with("F32\",\"shape\":[2]", "F4\",\"shape\":[16]") == "");   // known, though not loadable
    CHECK_THROWS_AS((void)io::SafeTensors::open(dir / "f.safetensors").load<float>("t"), DTypeError);
}

TEST_CASE("safetensors: flipped bytes and cut files give a value or a FormatError") {
    const TempDir dir;
    const Tensor<float> w({4, 4});
    const auto ids = Tensor<std::int32_t>::of({1, 2, 3});
    io::write_safetensors(dir / "good", {io::named("layer.weight", w), io::named("ids", ids)});
    const std::string good = io::read_file(dir / "good");
    std::uint64_t length = 0;
    std::memcpy(&length, good.data(), 8);
    const std::size_t header = 8 + static_cast<std::size_t>(length);
    std::uint32_t state = 7;
    const auto next = [&] { return (state = state * 1664525u + 1013904223u) >> 8; };
    int accepted = 0, refused = 0;
    const auto attempt = [&](const std::string& bytes) {
        refusal(dir, bytes).empty() ? ++accepted : ++refused;
    };
    for (std::size_t cut = 0; cut < good.size(); cut += 3) attempt(good.substr(0, cut));
    for (int round = 0; round < 600; ++round) {
        std::string bytes = good;
        for (std::uint32_t flips = 1 + next() % 3; flips > 0; --flips)
            bytes[next() % (round % 2 == 0 ? header : bytes.size())] =
                round % 3 == 0 ? "0129[]{},:\"eE-"[next() % 14] : static_cast<char>(next());
        attempt(bytes);
    }
    CHECK(accepted > 0);
    CHECK(refused > 300);
}

TEST_CASE("write_safetensors: refuses what it could not read back and leaves the old file alone") {
    const TempDir dir;
    const auto a = Tensor<float>::of({1});
    io::write_safetensors(dir / "x", {io::named("a", a)});
    const std::string before = io::read_file(dir / "x");
    CHECK_THROWS_AS(io::write_safetensors(dir / "x", {io::named("a", a), io::named("a", a)}), UsageError);
    CHECK_THROWS_AS(io::write_safetensors(dir / "x", {io::named("\xff", a)}), UsageError);
    CHECK_THROWS_AS(io::write_safetensors(dir / "x", {io::named("__metadata__", a)}), UsageError);
    CHECK_THROWS_AS(io::write_safetensors(dir / "x", {{"a", DType::f32, Shape{2}, std::as_bytes(a.span())}}),
                    UsageError);
    CHECK(io::read_file(dir / "x") == before);
    CHECK(dir.count() == 1);
}

TEST_CASE("safetensors: bf16 and f16 files of the reference give its float values") {
    const std::string path = std::string{SVAD_FIXTURES} + "/ops/dtypes.safetensors";
    if (!io::exists(path)) {
        MESSAGE("skipped: " << path << " is absent");
        return;
    }
    const auto file = io::SafeTensors::open(path);
    const std::pair<const char*, const char*> pairs[] = {
        {"bf16.y", "bf16.y_as_f32"}, {"f16.y", "f16.y_as_f32"}, {"f16_patterns.h", "f16_patterns.as_f32"}};
    for (const auto& [name, expected] : pairs) {
        const auto got = file.load<float>(name), want = file.load<float>(expected);
        REQUIRE(got.shape() == want.shape());
        Index different = 0;
        for (Index i = 0; i < got.numel(); ++i)
            different += got[i] != want[i] && !(std::isnan(got[i]) && std::isnan(want[i]));
        CHECK(different == 0);
    }
    CHECK(file.load<float>("others.empty").shape() == Shape{0, 4});
    CHECK(file.load<int>("others.bool").shape() == Shape{3});
}
