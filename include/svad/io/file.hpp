// SPDX-License-Identifier: Apache-2.0
// Files: whole-file reads with a limit, read-only mappings, atomic replacement, append-only logs, lock files.
//
// Promise: every failure is an io::FileError that names the file and the system's reason. A reader of a path
// that write_atomic() replaces sees the old bytes or the new bytes, never a mixture, also after a power cut:
// the data goes to a temporary file in the same directory, then fsync, rename, fsync of the directory.
// A mapping is only valid while nobody shrinks the file in place (POSIX delivers SIGBUS); files that svad
// writes are replaced, never shrunk. Rejected: std::fstream (no fsync, no useful error) and std::filesystem
// (compile time).
#pragma once

#include "svad/core/error.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace svad::io {

namespace detail {

/// Throws FileError "<path>: <what>: <text of errno>".
[[noreturn]] inline void fail_errno(const std::string& path, std::string_view what, int error = errno) {
    fail<FileError>(path, ": ", what, ": ", std::generic_category().message(error));
}

/// An open file descriptor, closed on destruction.
class Descriptor {
public:
    Descriptor() = default;
    Descriptor(const std::string& path, int flags, mode_t mode = 0666)
        : fd_{open_retrying(path, flags, mode)} {
        if (fd_ < 0)
            fail_errno(path, (flags & O_ACCMODE) == O_RDONLY ? "cannot be opened" : "cannot be written");
    }
    Descriptor(Descriptor&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }

    [[nodiscard]] int get() const { return fd_; }

    /// Closes now and reports what close() says (a full disk shows up here on network file systems).
    void close(const std::string& path) {
        if (fd_ >= 0 && ::close(std::exchange(fd_, -1)) != 0) fail_errno(path, "cannot be closed");
    }

private:
    static int open_retrying(const std::string& path, int flags, mode_t mode) {
        for (;;) {
            const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
            if (fd >= 0 || errno != EINTR) return fd;
        }
    }

    int fd_ = -1;
};

inline void write_fully(int fd, std::string_view bytes, const std::string& path) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) fail_errno(path, "cannot be written");
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
}

inline std::string directory_of(const std::string& path) {
    const std::size_t slash = path.find_last_of('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

inline void sync_directory(const std::string& directory) {
    const Descriptor fd{directory, O_RDONLY | O_DIRECTORY};
    // Some file systems cannot sync a directory (EINVAL): the rename is then as durable as they make it.
    if (::fsync(fd.get()) != 0 && errno != EINVAL && errno != EROFS)
        fail_errno(directory, "cannot be synchronised");
}

}  // namespace detail

/// Default limit of read_file(): 1 GiB. Larger data belongs in a mapping.
inline constexpr std::uint64_t default_read_limit = std::uint64_t{1} << 30;

/// The bytes of the file at `path`. Throws FileError if it cannot be read or holds more than `max_bytes`.
[[nodiscard]] inline std::string read_file(const std::string& path,
                                           std::uint64_t max_bytes = default_read_limit) {
    const detail::Descriptor fd{path, O_RDONLY};
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) detail::fail_errno(path, "cannot be examined");
    if (S_ISDIR(status.st_mode)) fail<FileError>(path, ": is a directory; give a file");

    // The size is a hint only: pipes and /proc say 0, and a file may grow while it is read.
    std::string bytes;
    const auto hint = static_cast<std::uint64_t>(status.st_size > 0 ? status.st_size : 0);
    if (hint > max_bytes)
        fail<FileError>(path, ": is too large; got ", hint, " bytes, the limit is ", max_bytes);
    std::size_t used = 0;
    bytes.resize(static_cast<std::size_t>(hint) + 1);
    for (;;) {
        if (used == bytes.size()) bytes.resize(bytes.size() + bytes.size() / 2 + 4096);
        const ssize_t n = ::read(fd.get(), bytes.data() + used, bytes.size() - used);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) detail::fail_errno(path, "cannot be read");
        if (n == 0) break;
        used += static_cast<std::size_t>(n);
        if (used > max_bytes) fail<FileError>(path, ": is too large; the limit is ", max_bytes, " bytes");
    }
    bytes.resize(used);
    return bytes;
}

/// True if `path` names an existing file or directory that can be examined.
[[nodiscard]] inline bool exists(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0;
}

/// True if `path` names a directory.
[[nodiscard]] inline bool is_directory(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

/// Creates `path` and its missing parents. Throws FileError; an existing directory is fine.
inline void make_directories(const std::string& path) {
    for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
        const std::string part = path.substr(0, slash);
        if (!is_directory(part) && ::mkdir(part.c_str(), 0777) != 0 &&
            !(errno == EEXIST && is_directory(part)))
            detail::fail_errno(part, "cannot be created");
        if (slash == std::string::npos) return;
    }
}

/// A regular file mapped read-only; movable, unmapped on destruction. An empty file maps to an empty span.
class MappedFile {
public:
    MappedFile() = default;

    /// Maps all of `path`. Throws FileError.
    explicit MappedFile(std::string path) : path_{std::move(path)} {
        const detail::Descriptor fd{path_, O_RDONLY};
        struct stat status {};
        if (::fstat(fd.get(), &status) != 0) detail::fail_errno(path_, "cannot be examined");
        if (!S_ISREG(status.st_mode)) fail<FileError>(path_, ": is not a regular file and cannot be mapped");
        size_ = static_cast<std::size_t>(status.st_size);
        if (size_ == 0) return;
        void* const address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd.get(), 0);
        if (address == MAP_FAILED) detail::fail_errno(path_, "cannot be mapped");
        address_ = address;
    }

    MappedFile(MappedFile&& other) noexcept { swap(other); }
    MappedFile& operator=(MappedFile&& other) noexcept {
        swap(other);
        return *this;
    }
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    ~MappedFile() {
        if (address_ != nullptr) ::munmap(address_, size_);
    }

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::span<const std::byte> bytes() const {
        return {static_cast<const std::byte*>(address_), size_};
    }
    [[nodiscard]] std::string_view text() const { return {static_cast<const char*>(address_), size_}; }

private:
    void swap(MappedFile& other) noexcept {
        path_.swap(other.path_);
        std::swap(address_, other.address_);
        std::swap(size_, other.size_);
    }

    std::string path_;
    void* address_ = nullptr;
    std::size_t size_ = 0;
};

/// A name in `path`'s directory that no other writer of this machine uses: "<path>.tmp-<pid>-<n>".
[[nodiscard]] inline std::string temporary_name(const std::string& path) {
    static std::atomic<unsigned> counter{0};
    return path + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter.fetch_add(1));
}

/// Makes the finished file `temporary` durable and gives it the name `path`. Both must be in one directory.
inline void commit_file(const std::string& temporary, const std::string& path) {
    {
        const detail::Descriptor fd{temporary, O_RDONLY};
        if (::fsync(fd.get()) != 0) detail::fail_errno(temporary, "cannot be synchronised");
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) detail::fail_errno(path, "cannot be replaced");
    detail::sync_directory(detail::directory_of(path));
}

/// Collects bytes in a temporary file beside `path`; commit() makes them `path`, destruction without it drops
/// them.
class AtomicWriter {
public:
    explicit AtomicWriter(std::string path)
        : path_{std::move(path)},
          temporary_{temporary_name(path_)},
          fd_{temporary_, O_WRONLY | O_CREAT | O_EXCL} {}
    AtomicWriter(const AtomicWriter&) = delete;
    AtomicWriter& operator=(const AtomicWriter&) = delete;
    ~AtomicWriter() {
        if (!committed_) ::unlink(temporary_.c_str());
    }

    /// Appends to the temporary file. Throws FileError.
    void write(std::string_view bytes) { detail::write_fully(fd_.get(), bytes, temporary_); }
    void write(std::span<const std::byte> bytes) {
        write(std::string_view{reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }

    /// The file at `path` now has exactly the written bytes, durably. At most once.
    void commit() {
        fd_.close(temporary_);
        commit_file(temporary_, path_);
        committed_ = true;
    }

private:
    std::string path_, temporary_;
    detail::Descriptor fd_;
    bool committed_ = false;
};

/// Replaces the file at `path` by `bytes` in one step. Throws FileError and then leaves the old file alone.
inline void write_atomic(const std::string& path, std::string_view bytes) {
    AtomicWriter writer{path};
    writer.write(bytes);
    writer.commit();
}

/// Replaces the file `to` by a copy of `from` in one step; nothing happens if both are the same file.
inline void copy_file(const std::string& from, const std::string& to) {
    struct stat a {}, b {};
    if (::stat(from.c_str(), &a) == 0 && ::stat(to.c_str(), &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino) return;
    const MappedFile file{from};
    AtomicWriter writer{to};
    writer.write(file.bytes());
    writer.commit();
}

/// Removes the file at `path`, if there is one.
inline void remove_file(const std::string& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) detail::fail_errno(path, "cannot be removed");
}

/// An append-only file: each append() reaches the kernel in one write, so that readers and crashes see whole
/// records.
class AppendFile {
public:
    explicit AppendFile(std::string path)
        : path_{std::move(path)}, fd_{path_, O_WRONLY | O_CREAT | O_APPEND} {}

    void append(std::string_view bytes) { detail::write_fully(fd_.get(), bytes, path_); }

    /// Waits until everything appended is on the disk.
    void sync() {
        if (::fsync(fd_.get()) != 0) detail::fail_errno(path_, "cannot be synchronised");
    }

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::uint64_t size() const {
        struct stat status {};
        if (::fstat(fd_.get(), &status) != 0) detail::fail_errno(path_, "cannot be examined");
        return static_cast<std::uint64_t>(status.st_size);
    }

private:
    std::string path_;
    detail::Descriptor fd_;
};

/// Held for as long as the object lives: no other process (or LockFile) can hold `path`. The kernel drops the
/// lock when its holder dies, so a crash leaves nothing to clean up; the file itself stays, since removing it
/// would race.
class LockFile {
public:
    /// Throws FileError at once if somebody else holds the lock.
    explicit LockFile(const std::string& path) : fd_{path, O_RDWR | O_CREAT} {
        if (::flock(fd_.get(), LOCK_EX | LOCK_NB) == 0) return;
        if (errno == EWOULDBLOCK) fail<FileError>(path, ": is locked by another process; wait for it to end");
        detail::fail_errno(path, "cannot be locked");
    }

private:
    detail::Descriptor fd_;
};

}  // namespace svad::io
