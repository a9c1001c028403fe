// SPDX-License-Identifier: Apache-2.0
// Round trips, what the tar program thinks of it, and archives that want to do harm.
#include "svad/io/tar.hpp"

#include "temp_dir.hpp"

#include <doctest/doctest.h>

using namespace svad;
using io::TarEntry;

namespace {

struct File {
    std::string name, bytes;
    friend bool operator==(const File&, const File&) = default;
};

std::string archive_of(const std::vector<File>& files) {
    std::string out;
    for (const File& f : files) out += io::tar_head(f.name, f.bytes.size()) + f.bytes + io::tar_padding(f.bytes.size());
    return out + io::tar_end();
}

std::vector<File> read(std::string_view bytes) {
    io::TarReader reader{bytes, "a.tar"};
    std::vector<File> files;
    for (TarEntry entry; reader.next(entry);) files.push_back({entry.name, std::string(entry.bytes)});
    return files;
}

const std::vector<File> some_files{{"000000.json", "{}\n"}, {"empty", ""}, {"block", std::string(512, 'x')},
                                   {"a/b/c.mp4", std::string(1300, '\1')}, {std::string(150, 'n') + "/" + std::string(90, 'm'), "long"}};

/// The header of one entry with byte `at` replaced and the checksum made right again.
std::string patched(std::string archive, std::size_t at, std::string_view bytes) {
    archive.replace(at, bytes.size(), bytes);
    std::memset(archive.data() + 148, ' ', 8);
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(archive[i]);
    io::detail::put_octal(archive.data() + 148, 7, sum);
    return archive;
}

}  // namespace

TEST_CASE("tar: what is written is read back, long names and empty files too") {
    const std::string archive = archive_of(some_files);
    CHECK(archive.size() % 512 == 0);
    CHECK(read(archive) == some_files);
    CHECK(archive == archive_of(some_files));
    CHECK(read(io::tar_end()).empty());
}

TEST_CASE("tar: the tar program unpacks our archives") {
    if (std::system("tar --version >/dev/null 2>&1") != 0) {
        MESSAGE("skipped: no tar program");
        return;
    }
    const TempDir folder;
    io::write_atomic(folder / "a.tar", archive_of(some_files));
    REQUIRE(std::system(join("tar -xf ", folder / "a.tar", " -C ", folder.path).c_str()) == 0);
    for (const File& f : some_files) CHECK(io::read_file(folder / f.name) == f.bytes);
}

TEST_CASE("tar: sizes beyond eight GiB go into a pax header") {
    const std::uint64_t size = std::uint64_t{9} << 30;
    const std::string head = io::tar_head("big", size);
    CHECK(head.size() == 3 * 512);
    CHECK(head.substr(512, 19) == "19 size=9663676416\n");
}

TEST_CASE("tar: names that lead out of the folder are neither written nor read") {
    for (const char* name : {"", "/etc/passwd", "../up", "a/../../b", "a//b", "./a", "a/"}) {
        CAPTURE(name);
        CHECK_THROWS_AS((void)io::tar_head(name, 0), UsageError);
        std::string field(100, '\0');
        std::memcpy(field.data(), name, std::strlen(name));
        CHECK_THROWS_AS(read(patched(archive_of({{"x", "1"}}), 0, field)), io::FormatError);
    }
}

TEST_CASE("tar: links, devices and base-256 sizes are refused by name") {
    const std::string archive = archive_of({{"x", "1"}});
    CHECK_THROWS_WITH_AS(read(patched(archive, 156, "2")), doctest::Contains("entries of type '2' are not read"), io::FormatError);
    CHECK_THROWS_WITH_AS(read(patched(archive, 124, std::string_view("\x80\0\0\0", 4))), doctest::Contains("size is no octal number"),
                         io::FormatError);
    CHECK_THROWS_WITH_AS(read(patched(archive, 124, "77777777777")), doctest::Contains("longer than the archive"), io::FormatError);
}

TEST_CASE("tar: every truncation and every flipped bit of the headers is an error or the same files") {
    const std::vector<File> files{{"a.json", "{}"}, {std::string(120, 'q'), "12345"}};
    const std::string archive = archive_of(files);
    for (std::size_t n = 0; n < archive.size() - 512; ++n) CHECK_THROWS_AS(read(archive.substr(0, n)), io::FormatError);
    for (std::size_t bit = 0; bit < 512 * 8; ++bit) {
        std::string damaged = archive;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
        bool same_or_refused = true;
        try {
            same_or_refused = read(damaged) == files;
        } catch (const io::FormatError&) {
        }
        CHECK(same_or_refused);
    }
}
