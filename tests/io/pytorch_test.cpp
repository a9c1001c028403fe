// SPDX-License-Identifier: Apache-2.0
// Checkpoints made here byte by byte: what torch.save writes is read, everything else is refused by its name.
#include "svad/io/pytorch.hpp"

#include "temp_dir.hpp"

#include <doctest/doctest.h>

using namespace svad;
using namespace svad::io;
using namespace std::string_literals;

namespace {

std::string le(std::uint64_t value, int width) {
    std::string out;
    for (int i = 0; i < width; ++i) out += static_cast<char>(value >> (8 * i) & 255);
    return out;
}

struct Member {
    std::string name, bytes;
    std::uint64_t method = 0, flags = 0;
};

/// A zip archive of stored members.
std::string zip(const std::vector<Member>& members, const std::string& comment = "") {
    std::string out, directory;
    for (const Member& m : members) {
        const std::string sizes = le(m.bytes.size(), 4) + le(m.bytes.size(), 4) + le(m.name.size(), 2);
        const std::string common = le(20, 2) + le(m.flags, 2) + le(m.method, 2) + le(0, 8) + sizes;
        directory += "PK\1\2"s + le(20, 2) + common + std::string(12, '\0') + le(out.size(), 4) + m.name;
        out += "PK\3\4"s + common + le(3, 2) + m.name + "xyz" + m.bytes;   // three bytes of extra field
    }
    const std::string counts = le(members.size(), 2) + le(members.size(), 2);
    const std::string end = "PK\5\6"s + le(0, 4) + counts + le(directory.size(), 4) + le(out.size(), 4) + le(comment.size(), 2);
    return out + directory + end + comment;
}

std::string text(const std::string& t) { return "X" + le(t.size(), 4) + t; }
std::string global(const std::string& module, const std::string& name) { return "c" + module + "\n" + name + "\n"; }
std::string integer(std::int64_t x) { return "J" + le(static_cast<std::uint64_t>(x), 4); }
std::string tuple(const std::vector<std::string>& parts) {
    std::string out = "(";
    for (const std::string& part : parts) out += part;
    return out + "t";
}
std::string integers(const std::vector<std::int64_t>& values) {
    std::vector<std::string> parts;
    for (const std::int64_t v : values) parts.push_back(integer(v));
    return tuple(parts);
}
std::string storage(const std::string& type, const std::string& key) {
    return tuple({text("storage"), global("torch", type), text(key), text("cpu"), integer(6)}) + "Q";
}
std::string tensor(const std::string& from, std::int64_t offset, const std::vector<std::int64_t>& sizes,
                   const std::vector<std::int64_t>& strides) {
    return global("torch._utils", "_rebuild_tensor_v2") +
           tuple({from, integer(offset), integers(sizes), integers(strides), "\x89", global("collections", "OrderedDict") + ")R"}) + "R";
}
const std::string floats = storage("FloatStorage", "0");

/// A pickle of {name: value}.
std::string dictionary(const std::string& value, const std::string& name = "w") {
    return "\x80\x02}q\x00("s + text(name) + value + "u.";
}

std::string archive(const std::string& pickle) {
    const float values[6]{0, 1, 2, 3, 4, 5};
    std::string bytes(sizeof values, '\0');
    std::memcpy(bytes.data(), values, sizeof values);
    return zip({{"m/data.pkl", pickle}, {"m/data/0", bytes}, {"m/byteorder", "little"}, {"m/version", "3\n"}});
}

/// The tensors in a file of these bytes.
SafeTensors open(const TempDir& dir, const std::string& bytes, std::string_view inside = {}) {
    const std::string path = dir / "model.pth";
    write_atomic(path, bytes);
    return open_pytorch(path, inside);
}

std::string error_of(const TempDir& dir, const std::string& bytes) {
    try {
        (void)open(dir, bytes);
    } catch (const FormatError& e) {
        return e.what();
    }
    return "";
}

bool refused(const TempDir& dir, const std::string& pickle, const std::string& because) {
    const std::string got = error_of(dir, archive(pickle));
    INFO(got);
    CHECK(got.find(because) != std::string::npos);
    return !got.empty();
}

}  // namespace

TEST_CASE("open_pytorch: tensors come with their names, shapes, types and values") {
    const TempDir dir;
    const SafeTensors file = open(dir, archive(dictionary(tensor(floats, 0, {2, 3}, {3, 1}))));
    CHECK(file.names() == std::vector<std::string>{"w"});
    CHECK(file.info("w").shape == Shape{2, 3});
    CHECK(file.info("w").dtype == DType::f32);
    const auto w = file.load<float>("w");
    CHECK(std::vector<float>(w.begin(), w.end()) == std::vector<float>{0, 1, 2, 3, 4, 5});
}

TEST_CASE("open_pytorch: parts of a storage, scalars, empty tensors and parameters are read") {
    const TempDir dir;
    CHECK(open(dir, archive(dictionary(tensor(floats, 4, {2}, {1})))).load<float>("w")[1] == 5);
    CHECK(open(dir, archive(dictionary(tensor(floats, 5, {}, {})))).load<float>("w")[0] == 5);
    CHECK(open(dir, archive(dictionary(tensor(floats, 6, {0, 4}, {4, 1})))).load<float>("w").numel() == 0);
    CHECK(open(dir, archive(dictionary(tensor(floats, 0, {1, 3}, {77, 1})))).info("w").shape == Shape{1, 3});
    const std::string parameter = global("torch._utils", "_rebuild_parameter") + tuple({tensor(floats, 0, {3}, {1}), "\x88", ")"}) + "R";
    CHECK(open(dir, archive(dictionary(parameter))).info("w").shape == Shape{3});
}

TEST_CASE("open_pytorch: types are those of the storages") {
    const TempDir dir;
    const std::vector<std::pair<std::string, DType>> types{{"LongStorage", DType::i64}, {"HalfStorage", DType::f16},
                                                          {"BFloat16Storage", DType::bf16}, {"BoolStorage", DType::boolean}};
    for (const auto& [name, dtype] : types)
        CHECK(open(dir, archive(dictionary(tensor(storage(name, "0"), 0, {3}, {1})))).info("w").dtype == dtype);
}

TEST_CASE("open_pytorch: an entry of the dictionary can hold the tensors, and attributes of it are passed over") {
    const TempDir dir;
    const std::string inner = "}(" + text("w") + tensor(floats, 0, {6}, {1}) + "u}" + text("_metadata") + "}sb";
    const std::string bytes = archive("\x80\x02}("s + text("epoch") + "K\x07" + text("model") + inner + "u.");
    CHECK(open(dir, bytes, "model").load<float>("w")[5] == 5);
    CHECK_THROWS_AS((void)open(dir, bytes), FormatError);   // 'epoch' is no tensor
    CHECK_THROWS_AS((void)open(dir, bytes, "epoch"), FormatError);
    CHECK_THROWS_AS((void)open(dir, bytes, "other"), FormatError);
}

TEST_CASE("open_pytorch: globals that are not needed for tensors are refused by name") {
    const TempDir dir;
    CHECK(refused(dir, "\x80\x02"s + global("os", "system") + text("true") + "\x85R.", "'os system'"));
    CHECK(refused(dir, dictionary(global("builtins", "eval") + tuple({text("1")}) + "R"), "'builtins eval'"));
    CHECK(refused(dir, dictionary(storage("ComplexFloatStorage", "0")), "'torch ComplexFloatStorage'"));
}

TEST_CASE("open_pytorch: opcodes that are not needed for tensors are refused by number") {
    const TempDir dir;
    for (const char code : {'i', 'o', 'P', 'I', 'S', 'V', 'T', 'U', 'B', 'C', 'd', 'l', '0', '1', '2', '\x81', '\x82', '\x8b', '\x93', '\x94', '\x95'})
        CHECK(refused(dir, "\x80\x02"s + code, join("opcode ", static_cast<unsigned>(static_cast<unsigned char>(code)))));
    CHECK(refused(dir, "\x80\x04}.", "protocol 2"));
}

TEST_CASE("open_pytorch: programs that misuse the stack are refused") {
    const TempDir dir;
    const std::vector<std::string> programs{"", ".", "u.", "}u.", "t.", "R.", "}}R.", "b.", "NNb.", "Q.", "h\x01.", "q\x01.", "(.", "}(.", "N}.",
                                            "](N}Nsu.", "}(Nu.", "N(NNu.", "]Na", "X\xff\xff\xff\xff" "abc", "K", "ctorch", "\x8a\x09" "123456789."};
    for (const std::string& p : programs) CHECK(refused(dir, "\x80\x02" + p, "pickle cannot be read"));
    CHECK(refused(dir, "\x80\x02]."s, "should be a dictionary"));
    CHECK(refused(dir, "\x80\x02" + std::string(std::size_t{5} << 20, ')'), "larger than 4 MiB"));
}

TEST_CASE("open_pytorch: a dictionary that holds itself and deep nesting end in an error, not in recursion") {
    const TempDir dir;
    CHECK(refused(dir, "\x80\x02}q\x01"s + text("w") + "h\x01s.", "is no tensor"));
    const std::string deep = std::string(1'000'000, '(') + std::string(1'000'000, 't');
    CHECK(refused(dir, dictionary(deep), "is no tensor"));
}

TEST_CASE("open_pytorch: shapes, strides, offsets and storages that do not fit are refused") {
    const TempDir dir;
    CHECK(refused(dir, dictionary(tensor(floats, 0, {7}, {1})), "beyond its storage"));
    CHECK(refused(dir, dictionary(tensor(floats, 1, {2, 3}, {3, 1})), "beyond its storage"));
    CHECK(refused(dir, dictionary(tensor(floats, -1, {2}, {1})), "beyond its storage"));
    CHECK(refused(dir, dictionary(tensor(floats, 0, {-2}, {1})), "negative"));
    CHECK(refused(dir, dictionary(tensor(floats, 0, {2147483647, 2147483647, 2147483647}, {1, 1, 1})), "2^62"));
    CHECK(refused(dir, dictionary(tensor(floats, 0, {3, 2}, {1, 3})), "contiguous"));
    CHECK(refused(dir, dictionary(tensor(floats, 0, {2}, {0})), "contiguous"));
    CHECK(refused(dir, dictionary(tensor(floats, 0, {2, 3}, {1})), "sizes and strides"));
    CHECK(refused(dir, dictionary(tensor(storage("FloatStorage", "1"), 0, {2}, {1})), "not in the archive"));
    CHECK(refused(dir, dictionary(tensor(storage("FloatStorage", "../data.pkl"), 0, {2}, {1})), "not in the archive"));
    CHECK(refused(dir, dictionary(tensor(text("0"), 0, {2}, {1})), "is no tensor"));
    CHECK(refused(dir, dictionary("N"), "is no tensor"));
    CHECK(refused(dir, "\x80\x02}(K\x01"s + tensor(floats, 0, {2}, {1}) + "u.", "no text"));
    const std::string one = text("w") + tensor(floats, 0, {2}, {1});
    CHECK(refused(dir, "\x80\x02}("s + one + one + "u.", "twice"));
}

TEST_CASE("zip_members: archives that are packed, encrypted, double or damaged are refused") {
    CHECK(zip_members(zip({{"a", "12"}, {"b", ""}}, "a comment"), "f").at("a") == "12");
    for (const std::string& bad : {zip({{"a", "1", 8}}), zip({{"a", "1", 0, 1}}), zip({{"a", "1"}, {"a", "2"}}), "PK\5\6"s, ""s})
        CHECK_THROWS_AS((void)zip_members(bad, "f"), FormatError);
}

TEST_CASE("open_pytorch: a file cut anywhere or with any byte changed gives tensors or a FormatError") {
    const TempDir dir;
    const std::string good = archive(dictionary(tensor(floats, 0, {2, 3}, {3, 1})));
    int errors = 0, tensors = 0;
    const auto attempt = [&](const std::string& bytes) {
        try {
            const SafeTensors file = open(dir, bytes);
            for (const std::string& name : file.names()) (void)file.load<double>(name);
            ++tensors;
        } catch (const FormatError&) {
            ++errors;
        }
    };
    for (std::size_t n = 0; n < good.size(); n += 3) attempt(good.substr(0, n));
    CHECK(tensors == 0);
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::string bytes = good;
        bytes[i] = static_cast<char>(bytes[i] ^ (1 << i % 8));
        attempt(bytes);
    }
    CHECK(errors > static_cast<int>(good.size()) / 2);
}
