// SPDX-License-Identifier: Apache-2.0
// Whole reads, mappings, atomic replacement, appends and locks of io/file.hpp.
#include "svad/io/file.hpp"

#include "temp_dir.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

using namespace svad;

TEST_CASE("read_file: gives back what write_atomic wrote, zero bytes included") {
    const TempDir dir;
    const std::string bytes("a\0b\xff\n", 5);
    io::write_atomic(dir / "x", bytes);
    CHECK(io::read_file(dir / "x") == bytes);
    io::write_atomic(dir / "x", "");
    CHECK(io::read_file(dir / "x").empty());
    CHECK(dir.count() == 1);   // no temporary file stays
}

TEST_CASE("read_file: a limit below the size, a missing file and a directory are errors that name the path") {
    const TempDir dir;
    io::write_atomic(dir / "x", "12345");
    CHECK(io::read_file(dir / "x", 5) == "12345");
    CHECK_THROWS_WITH_AS((void)io::read_file(dir / "x", 4), doctest::Contains("/x: is too large"),
                         io::FileError);
    CHECK_THROWS_WITH_AS((void)io::read_file(dir / "y"), doctest::Contains("/y: cannot be opened"),
                         io::FileError);
    CHECK_THROWS_AS((void)io::read_file(dir.path), io::FileError);
}

TEST_CASE("read_file: reads files that do not know their size") {
    CHECK(io::read_file("/proc/self/stat").size() > 10);
    CHECK_THROWS_AS((void)io::read_file("/dev/zero", 100'000), io::FileError);   // endless: the limit ends it
}

TEST_CASE("mapped_file: shows the file's bytes, also after a move and after the file was replaced") {
    const TempDir dir;
    io::write_atomic(dir / "x", "old bytes");
    io::MappedFile first{dir / "x"};
    const io::MappedFile second = std::move(first);
    io::write_atomic(dir / "x", "new");
    CHECK(second.text() == "old bytes");
    CHECK(io::MappedFile{dir / "x"}.text() == "new");
    io::write_atomic(dir / "empty", "");
    CHECK(io::MappedFile{dir / "empty"}.bytes().empty());
    CHECK_THROWS_AS(io::MappedFile{dir.path}, io::FileError);
}

TEST_CASE("atomic_writer: without commit nothing changes") {
    const TempDir dir;
    io::write_atomic(dir / "x", "old");
    {
        io::AtomicWriter writer{dir / "x"};
        writer.write("new");
        CHECK(dir.count() == 2);
    }
    CHECK(io::read_file(dir / "x") == "old");
    CHECK(dir.count() == 1);
    CHECK_THROWS_AS(io::write_atomic(dir / "no/such/x", "a"), io::FileError);
}

TEST_CASE("write_atomic: a writer killed at any moment leaves one whole version") {
    const TempDir dir;
    const std::string a(200'000, 'a'), b(300'000, 'b');
    io::write_atomic(dir / "x", a);
    for (int round = 0; round < 20; ++round) {
        const pid_t child = ::fork();
        if (child == 0) {
            for (;;) {
                io::write_atomic(dir / "x", b);
                io::write_atomic(dir / "x", a);
            }
        }
        ::usleep(static_cast<useconds_t>(500 * round));
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        const std::string now = io::read_file(dir / "x");
        CHECK((now == a || now == b));
    }
}

TEST_CASE("append_file: adds to what is there") {
    const TempDir dir;
    io::AppendFile{dir / "log"}.append("one\n");
    io::AppendFile log{dir / "log"};
    log.append("two\n");
    log.sync();
    CHECK(io::read_file(dir / "log") == "one\ntwo\n");
    CHECK(log.size() == 8);
}

TEST_CASE("lock_file: one holder at a time, free again when the holder ends") {
    const TempDir dir;
    {
        const io::LockFile held{dir / "lock"};
        CHECK_THROWS_WITH_AS(io::LockFile{dir / "lock"}, doctest::Contains("is locked"), io::FileError);
    }
    CHECK_NOTHROW(io::LockFile{dir / "lock"});
}

TEST_CASE("make_directories: creates parents and accepts what exists") {
    const TempDir dir;
    io::make_directories(dir / "a/b/c");
    io::make_directories(dir / "a/b/c");
    CHECK(io::is_directory(dir / "a/b/c"));
    io::write_atomic(dir / "file", "");
    CHECK_THROWS_AS(io::make_directories(dir / "file/x"), io::FileError);
}
