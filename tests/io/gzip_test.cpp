// SPDX-License-Identifier: Apache-2.0
#include "svad/io/gzip.hpp"

#include <doctest/doctest.h>

#if SVAD_ZLIB
#include <zlib.h>

using namespace svad;

namespace {

std::string pack(const std::string& text) {
    z_stream stream{};
    REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    std::string out(deflateBound(&stream, text.size()) + 32, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

}  // namespace

TEST_CASE("gunzip: what was packed comes back, members one after the other") {
    const std::string text = "two cats\n" + std::string(100000, 'a');
    CHECK(io::is_gzip(pack(text)));
    CHECK(io::gunzip(pack(text), "x.gz") == text);
    CHECK(io::gunzip(pack("one ") + pack("two"), "x.gz") == "one two");
    CHECK(io::gunzip(pack(""), "x.gz").empty());
}

TEST_CASE("gunzip: a file cut at any byte is an error") {
    const std::string whole = pack("a short text that is packed");
    for (std::size_t n = 0; n < whole.size(); ++n)
        CHECK_THROWS_AS((void)io::gunzip(std::string_view{whole}.substr(0, n), "x.gz"), io::FormatError);
}

TEST_CASE("gunzip: a changed byte in data or checksum is an error that names the file") {
    std::string bytes = pack("a short text that is packed");
    bytes[bytes.size() - 6] = static_cast<char>(bytes[bytes.size() - 6] ^ 1);
    CHECK_THROWS_WITH_AS((void)io::gunzip(bytes, "x.gz"), doctest::Contains("x.gz: gzip data are broken"), io::FormatError);
}

TEST_CASE("gunzip: a bomb stops at the limit") {
    const std::string bomb = pack(std::string(std::size_t{1} << 22, '\0'));
    CHECK_THROWS_WITH_AS((void)io::gunzip(bomb, "x.gz", 1 << 20), "x.gz: unpacks to more than 1048576 bytes", io::FormatError);
    CHECK(io::gunzip(bomb, "x.gz", 1 << 22).size() == std::size_t{1} << 22);
}

#endif
