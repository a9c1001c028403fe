// SPDX-License-Identifier: Apache-2.0
// From options to a model. The key comes from the environment only: arguments are seen by every user of the machine.
#include "backend.hpp"

#include "http.hpp"
#include "local_model.hpp"

#include <cstdlib>

namespace tool {

using namespace svad;

namespace {

text::LanguageModel remote(const ModelOptions& o) {
    HttpOptions http;
    http.endpoint = o.endpoint;
    http.timeout = o.timeout;
    http.retry.tries = o.tries;
    if (const char* key = std::getenv("SVAD_API_KEY")) http.key = key;
    const bool here = o.endpoint.starts_with("http://127.0.0.1") || o.endpoint.starts_with("http://localhost");
    if (!http.key.empty() && o.endpoint.starts_with("http://") && !here)
        std::fprintf(stderr, "svad: warning: SVAD_API_KEY goes to %s in the clear; use https\n", o.endpoint.c_str());
    return http_model(http);
}

}  // namespace

Backend open_backend(const ModelOptions& o) {
    if (o.endpoint.empty() == o.local.empty())
        fail<UsageError>("a language model is needed: either --endpoint URL with --model NAME, or --local FOLDER");
    if (!o.endpoint.empty() && o.model.empty()) fail<UsageError>("--endpoint needs --model NAME");
    if (!o.local.empty() && !o.model.empty()) fail<UsageError>("--model is for --endpoint; a local model is named by its folder");
    Backend out;
    out.attempts = o.attempts, out.parallel = o.parallel;
    text::LanguageModel model;
    if (o.local.empty()) {
        model = remote(o), out.name = o.model;
    } else {
        LocalModel local = local_model(o.local, o.chat);
        model = std::move(local.model), out.name = local.name;
        out.attempts = out.parallel = 1;   // greedy: a repeated question has the same answer
    }
    out.model = std::make_unique<text::CachedModel>(std::move(model), o.cache);
    return out;
}

std::string shown(const text::Spent& s) {
    return join(join("requests: ", s.asked, " asked, ", s.cached, " from the cache, ", s.failed, " failed; "),
                join("tokens: ", s.prompt_tokens, " in, ", s.answer_tokens, " out"));
}

io::Json to_json(const text::Spent& s) {
    return io::object({{"asked", s.asked}, {"cached", s.cached}, {"failed", s.failed}, {"prompt_tokens", s.prompt_tokens},
                       {"answer_tokens", s.answer_tokens}});
}

}  // namespace tool
