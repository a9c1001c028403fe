// SPDX-License-Identifier: Apache-2.0
// A directory of its own for one test, removed with everything in it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

struct TempDir {
    TempDir() {
        std::string name = (std::filesystem::temp_directory_path() / "svad-test-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
        path = name;
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }

    /// Path of `name` in the directory.
    std::string operator/(const std::string& name) const { return path + "/" + name; }
    /// Number of entries.
    long count() const {
        return std::distance(std::filesystem::directory_iterator(path), std::filesystem::directory_iterator{});
    }

    std::string path;
};
