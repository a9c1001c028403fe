// SPDX-License-Identifier: Apache-2.0
// The annotation page over HTTP. annotate_server.cpp is the one file of the tool that knows cpp-httplib; built without it,
// serve_annotations() says so.
//
// Promise: only this machine can connect (127.0.0.1), and only who knows the secret in the path gets anything. Requests
// that name another host (DNS rebinding) or come from another site's page (cross-site posts) are refused, bodies are
// limited, slow clients are dropped. Pages may load nothing but what this server gives (Content-Security-Policy).
// Not promised: that people are who they say. Whoever has the address is trusted with every name; more machines are
// reached by a forwarded port (ssh -L), not by listening on them.
#pragma once

#include "annotate_desk.hpp"

#include <functional>
#include <string>

namespace tool {

struct ServeOptions {
    int port = 0;                              ///< 0: one that is free
    std::string page;                          ///< the HTML
    std::string nonce;                         ///< of the page's own script and style
    std::function<void(const std::string& url)> ready;   ///< called once connections are taken
};

/// Letters and digits that nobody can guess (128 bits).
[[nodiscard]] std::string secret();

/// Serves until SIGINT or SIGTERM. Throws UsageError if built without cpp-httplib, or if the port is taken.
void serve_annotations(AnnotationDesk& desk, FilmStrips& strips, const ServeOptions& options);

}  // namespace tool
