// SPDX-License-Identifier: Apache-2.0
// The language model that the command line names, behind its cache: --endpoint with --model, or --local.
#pragma once

#include "commands.hpp"
#include "complaints.hpp"

#include "svad/text/language_model.hpp"

#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <string>

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

/// The model of a backend, remembering for each text why there was no reply to it.
class Explained {
public:
    explicit Explained(svad::text::CachedModel& model) : model_(model) {}

    svad::text::Reply operator()(const svad::text::Request& request) {
        try {
            return model_(request);
        } catch (const svad::text::ModelError& e) {
            const std::lock_guard lock{mutex_};
            why_[request.user] = e.what();
            throw;
        }
    }

    /// Why there is nothing for `text`, or `otherwise` if there were replies.
    [[nodiscard]] std::string why(const std::string& text, const std::string& otherwise) const {
        const std::lock_guard lock{mutex_};
        const auto at = why_.find(text);
        return at == why_.end() ? otherwise : at->second;
    }

private:
    svad::text::CachedModel& model_;
    std::map<std::string, std::string> why_;
    mutable std::mutex mutex_;
};

}  // namespace tool
