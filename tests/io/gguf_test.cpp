// SPDX-License-Identifier: Apache-2.0
#include "svad/io/gguf.hpp"

#include "svad/core/random.hpp"

#include <doctest/doctest.h>

using namespace svad;
using io::Gguf;

namespace {

/// Writes little-endian pieces of a GGUF file.
struct Writer {
    std::string bytes;

    template <class T>
    Writer& put(T value) {
        bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
        return *this;
    }
    Writer& text(std::string_view s) {
        put<std::uint64_t>(s.size());
        bytes += s;
        return *this;
    }
    Writer& head(std::uint64_t tensors, std::uint64_t values, std::uint32_t version = 3) {
        bytes = "GGUF";
        return put(version).put(tensors).put(values);
    }
};

/// Three values and a 2 x 3 tensor of f32.
std::string small_file() {
    Writer w;
    w.head(1, 4);
    w.text("general.architecture").put<std::uint32_t>(8).text("llama");
    w.text("llama.block_count").put<std::uint32_t>(4).put<std::uint32_t>(30);
    w.text("tokenizer.ggml.tokens").put<std::uint32_t>(9).put<std::uint32_t>(8).put<std::uint64_t>(2).text("a").text("b");
    w.text("rope.scale").put<std::uint32_t>(6).put(0.5f);
    w.text("weight").put<std::uint32_t>(2).put<std::uint64_t>(3).put<std::uint64_t>(2).put<std::uint32_t>(0).put<std::uint64_t>(0);
    w.bytes.resize((w.bytes.size() + 31) / 32 * 32);
    for (int i = 0; i < 6; ++i) w.put(static_cast<float>(i));
    return w.bytes;
}

}  // namespace

TEST_CASE("gguf: values come back by key and type, tensors with the sizes of PyTorch's order") {
    const std::string bytes = small_file();
    const Gguf file = Gguf::parse(bytes, "x.gguf");
    CHECK(file.version() == 3);
    CHECK(file.get<std::string>("general.architecture") == "llama");
    CHECK(file.get<std::int64_t>("llama.block_count") == 30);
    CHECK(file.get<double>("rope.scale") == 0.5);
    CHECK(file.get<std::vector<std::string>>("tokenizer.ggml.tokens") == std::vector<std::string>{"a", "b"});
    CHECK(file.find<std::string>("no.such.key") == nullptr);
    const io::GgufTensor& weight = file.tensors().at("weight");
    CHECK(weight.shape == Shape{2, 3});
    CHECK(weight.type.name == "F32");
    CHECK(weight.bytes == std::string_view{bytes}.substr(bytes.size() - 24));
}

TEST_CASE("gguf: a missing key and one of another type are errors that name file and key") {
    const std::string bytes = small_file();
    const Gguf file = Gguf::parse(bytes, "x.gguf");
    CHECK_THROWS_WITH_AS((void)file.get<double>("no.such.key"), "x.gguf: has no 'no.such.key'", io::FormatError);
    CHECK_THROWS_WITH_AS((void)file.get<double>("llama.block_count"), doctest::Contains("another type"), io::FormatError);
}

TEST_CASE("gguf: a file cut at any byte is an error") {
    const std::string bytes = small_file();
    for (std::size_t n = 0; n < bytes.size(); ++n)
        CHECK_THROWS_AS((void)Gguf::parse(std::string_view{bytes}.substr(0, n), "x"), io::FormatError);
}

TEST_CASE("gguf: with any byte changed it parses or throws FormatError, never more") {
    const std::string bytes = small_file();
    Random random{7};
    int parsed = 0;
    for (int round = 0; round < 4000; ++round) {
        std::string broken = bytes;
        for (Index n = 1 + random.below(3); n > 0; --n)
            broken[static_cast<std::size_t>(random.below(static_cast<Index>(bytes.size())))] = static_cast<char>(random.below(256));
        try {
            const Gguf file = Gguf::parse(broken, "x");
            for (const auto& [name, tensor] : file.tensors()) parsed += tensor.bytes.size() <= bytes.size();
        } catch (const io::FormatError&) {
        }
    }
    CHECK(parsed > 0);
}

TEST_CASE("gguf: counts and lengths beyond the file are refused before memory is taken for them") {
    Writer w;
    CHECK_THROWS_WITH_AS((void)Gguf::parse(w.head(0, UINT64_MAX).bytes, "x"), doctest::Contains("more than the file can hold"), io::FormatError);
    w.head(0, 1).text("k").put<std::uint32_t>(9).put<std::uint32_t>(8).put<std::uint64_t>(std::uint64_t{1} << 40);
    CHECK_THROWS_AS((void)Gguf::parse(w.bytes + std::string(100, 'x'), "x"), io::FormatError);
    w.head(0, 1).text("k").put<std::uint32_t>(8).put<std::uint64_t>(UINT64_MAX);
    CHECK_THROWS_AS((void)Gguf::parse(w.bytes + std::string(100, 'x'), "x"), io::FormatError);
}

TEST_CASE("gguf: sizes whose product overflows are refused, also behind a size of zero") {
    for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{1} << 40}) {
        Writer w;
        w.head(1, 0).text("t").put<std::uint32_t>(3).put(first).put(std::uint64_t{1} << 40).put(std::uint64_t{1} << 40);
        w.put<std::uint32_t>(0).put<std::uint64_t>(0);
        CHECK_THROWS_WITH_AS((void)Gguf::parse(w.bytes, "x"), doctest::Contains("larger than any file"), io::FormatError);
    }
}

TEST_CASE("gguf: other versions, byte orders, nested arrays, duplicates and unknown types are refused by name") {
    Writer w;
    CHECK_THROWS_WITH_AS((void)Gguf::parse(w.head(0, 0, 1).bytes, "x"), doctest::Contains("version should be 2 or 3; got 1"), io::FormatError);
    CHECK_THROWS_WITH_AS((void)Gguf::parse(w.head(0, 0, 3u << 24).bytes, "x"), doctest::Contains("big-endian"), io::FormatError);
    w.head(0, 1).text("k").put<std::uint32_t>(9).put<std::uint32_t>(9).put<std::uint64_t>(0);
    CHECK_THROWS_WITH_AS((void)Gguf::parse(w.bytes, "x"), doctest::Contains("array of arrays"), io::FormatError);
    w.head(0, 2).text("k").put<std::uint32_t>(0).put<std::uint8_t>(1).text("k").put<std::uint32_t>(0).put<std::uint8_t>(1);
    CHECK_THROWS_WITH_AS((void)Gguf::parse(w.bytes, "x"), doctest::Contains("key 'k' occurs twice"), io::FormatError);
    w.head(1, 0).text("t").put<std::uint32_t>(1).put<std::uint64_t>(4).put<std::uint32_t>(99).put<std::uint64_t>(0);
    CHECK_THROWS_WITH_AS((void)Gguf::parse(w.bytes, "x"), doctest::Contains("unknown type 99"), io::FormatError);
    w.head(1, 0).text("t").put<std::uint32_t>(1).put<std::uint64_t>(33).put<std::uint32_t>(2).put<std::uint64_t>(0);
    CHECK_THROWS_WITH_AS((void)Gguf::parse(w.bytes, "x"), doctest::Contains("no multiple of the 32 of Q4_0"), io::FormatError);
}
