// SPDX-License-Identifier: Apache-2.0
// What a command could not use: every case is counted, the first twenty are shown.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace tool {

/// Names what was left out on stderr: the first twenty, then how many more.
class Complaints {
public:
    void add(const std::string& line) {
        if (++count_ <= 20) std::fprintf(stderr, "svad: %s\n", line.c_str());
    }
    ~Complaints() {
        if (count_ > 20) std::fprintf(stderr, "svad: and %lld more\n", static_cast<long long>(count_ - 20));
    }
    [[nodiscard]] std::int64_t count() const { return count_; }

private:
    std::int64_t count_ = 0;
};

}  // namespace tool
