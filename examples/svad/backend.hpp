// SPDX-License-Identifier: Apache-2.0
// The language model that the command line names, behind its cache: --endpoint with --model, or --local.
#pragma once

#include "commands.hpp"

#include "svad/text/language_model.hpp"

#include <cstdio>
#include <memory>

namespace tool {

struct Backend {
    std::unique_ptr<svad::text::CachedModel> model;
    std::string name;       ///< as requests and signatures name it
    int attempts = 3;       ///< 1 where asking again cannot change the answer
    int parallel = 1;
};

/// Throws UsageError if the options do not name one model.
[[nodiscard]] Backend open_backend(const ModelOptions& options);

/// "requests: 12 asked, 3 from the cache, 0 failed; tokens: 300 in, 40 out" for people.
[[nodiscard]] std::string shown(const svad::text::Spent& spent);

/// The same for programs.
[[nodiscard]] svad::io::Json to_json(const svad::text::Spent& spent);

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
