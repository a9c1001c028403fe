// SPDX-License-Identifier: Apache-2.0
// A chat endpoint as a text::LanguageModel. http.cpp is the one file of the tool that knows libcurl; built without it,
// http_model() says so.
//
// Promise: certificates are checked, redirects are not followed, connecting and the whole of a try have time limits, a
// reply has a size limit, and the key goes into one header and nowhere else. Callable from several threads.
#pragma once

#include "retry.hpp"

#include <cstddef>
#include <string>

namespace tool {

struct HttpOptions {
    std::string endpoint;                  ///< such as https://host/v1
    std::string key;                       ///< empty: none is sent
    double timeout = 120;                  ///< seconds of one try
    double connect_timeout = 10;
    std::size_t most_bytes = 4u << 20;     ///< of an answer
    int give_up_after = 3;                 ///< requests in a row that failed in all their tries; later ones are not sent
    RetryPolicy retry{};
};

/// Throws UsageError for an address or a key that cannot be used, and if the tool was built without libcurl.
[[nodiscard]] svad::text::LanguageModel http_model(const HttpOptions& options);

}  // namespace tool
