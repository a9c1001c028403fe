// SPDX-License-Identifier: Apache-2.0
// ONNX files made here byte by byte.
#include "svad/io/onnx.hpp"

#include "temp_dir.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::io;

namespace {

std::string varint(std::uint64_t value) {
    std::string out;
    for (; value >= 128; value >>= 7) out += static_cast<char>(value | 128);
    return out + static_cast<char>(value);
}
std::string number(std::uint64_t field, std::uint64_t value) { return varint(field << 3) + varint(value); }
std::string bytes(std::uint64_t field, const std::string& value) { return varint(field << 3 | 2) + varint(value.size()) + value; }

std::string floats(const std::vector<float>& values) { return {reinterpret_cast<const char*>(values.data()), values.size() * 4}; }

std::string tensor(const std::string& name, const std::vector<std::uint64_t>& sizes, std::uint64_t type, const std::string& raw) {
    std::string out;
    for (const std::uint64_t n : sizes) out += number(1, n);
    return out + number(2, type) + bytes(8, name) + bytes(9, raw);
}

std::string model(const std::vector<std::string>& tensors, const std::vector<std::string>& nodes = {}) {
    std::string graph;
    for (const std::string& n : nodes) graph += bytes(1, n);
    for (const std::string& t : tensors) graph += bytes(5, t);
    return number(1, 7) + bytes(2, "a writer") + bytes(7, graph);
}

/// Two named tensors and one that is named after its node.
std::string small() {
    return model({tensor("bias", {3}, 1, floats({1, 2, 3})), tensor("onnx::MatMul_7", {2, 3}, 1, floats({1, 2, 3, 4, 5, 6})),
                  tensor("ids", {2}, 7, std::string("\5\0\0\0\0\0\0\0\6\0\0\0\0\0\0\0", 16))},
                 {bytes(1, "x") + bytes(1, "onnx::MatMul_7") + bytes(2, "y") + bytes(3, "/layer.0/query/MatMul") + bytes(4, "MatMul")});
}

auto parsed(const std::string& text) { return io::detail::onnx_tensors(text, "m.onnx"); }

}  // namespace

TEST_CASE("onnx: initialisers are read in place, and a nameless one is called by the node that uses it") {
    const TempDir dir;
    write_atomic(dir / "m.onnx", small());
    const SafeTensors file = open_onnx(dir / "m.onnx");
    CHECK(file.names() == std::vector<std::string>{"bias", "ids", "layer.0.query.MatMul"});
    CHECK(file.info("layer.0.query.MatMul").shape == Shape{2, 3});
    const Tensor<float> w = file.load<float>("layer.0.query.MatMul");
    CHECK(std::vector<float>(w.begin(), w.end()) == std::vector<float>{1, 2, 3, 4, 5, 6});
    CHECK(file.load<std::int32_t>("ids")[1] == 6);
}

TEST_CASE("onnx: packed sizes and packed floats are the same as single ones and raw bytes") {
    const std::string packed = bytes(1, varint(2) + varint(1)) + number(2, 1) + bytes(8, "a") + bytes(4, floats({3, 4}));
    const std::string text = model({packed});
    const auto tensors = parsed(text);
    CHECK(tensors.at("a").shape == Shape{2, 1});
    CHECK(tensors.at("a").bytes.size() == 8);
}

TEST_CASE("onnx: what has no bytes here is there, and refused when it is asked for") {
    const TempDir dir;
    write_atomic(dir / "m.onnx", model({tensor("far", {2}, 1, "") + number(14, 1), tensor("text", {1}, 8, ""), number(1, 1) + number(2, 7) + bytes(8, "list") + bytes(7, varint(9))}));
    const SafeTensors file = open_onnx(dir / "m.onnx");
    CHECK_THROWS_WITH_AS((void)file.load<float>("far"), doctest::Contains("a file beside it"), DTypeError);
    CHECK_THROWS_WITH_AS((void)file.load<float>("text"), doctest::Contains("ONNX type 8"), DTypeError);
    CHECK_THROWS_WITH_AS((void)file.load<std::int64_t>("list"), doctest::Contains("INT64 in a list"), DTypeError);
}

TEST_CASE("onnx: what does not fit is refused with the file and what is wrong") {
    const auto refused = [](const std::string& text, const char* what) { CHECK_THROWS_WITH_AS((void)parsed(text), doctest::Contains(what), FormatError); };
    refused(model({tensor("a", {3}, 1, floats({1, 2}))}), "m.onnx: tensor 'a' f32[3] needs 3 elements; got 8 bytes");
    refused(model({tensor("a", {1}, 1, floats({1})), tensor("a", {1}, 1, floats({1}))}), "'a' occurs twice");
    refused(model({tensor("a", {1ull << 40, 1ull << 40}, 1, "xxxx")}), "more than 2^62 elements");
    refused(model({tensor("a", {1, 1, 1, 1, 1, 1, 1, 1, 1}, 1, floats({1}))}), "more than 8 sizes");
    refused(number(1, 7), "it has no graph");
    refused("{\"json\": 1}", "m.onnx");
}

TEST_CASE("onnx: every truncation and every flipped bit gives tensors inside the file, or an error with its name") {
    const std::string whole = small();
    const auto tried = [](const std::string& text) {
        try {
            for (const auto& [name, info] : parsed(text)) {
                const auto* const begin = reinterpret_cast<const std::byte*>(text.data());
                if (info.dtype) CHECK((info.bytes.data() >= begin && info.bytes.data() + info.bytes.size() <= begin + text.size()));
                if (info.dtype) CHECK(info.bytes.size() == static_cast<std::size_t>(info.shape.numel()) * size_of(*info.dtype));
            }
            return true;
        } catch (const FormatError& e) {
            CHECK(std::string(e.what()).find("m.onnx") != std::string::npos);
            return false;
        }
    };
    for (std::size_t n = 0; n < whole.size(); ++n) CHECK_FALSE(tried(whole.substr(0, n)));
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
        std::string damaged = whole;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
        tried(damaged);
    }
}
