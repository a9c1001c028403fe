// SPDX-License-Identifier: Apache-2.0
// Asking again: which waits lie between the tries of one request, as a function of numbers and an injected sleep.
//
// Promise: at most `tries` tries; the n-th wait is between half and all of first * 2^n seconds, never above `longest`;
// a wait that the server asks for is kept instead, up to `longest_asked`. Same seed and stream, same waits.
// Rejected: waits without jitter (parallel requests that failed together would come back together).
#pragma once

#include "svad/core/random.hpp"
#include "svad/text/language_model.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

namespace tool {

struct RetryPolicy {
    int tries = 6;                        ///< the first included
    double first = 0.5, longest = 20;     ///< seconds
    double longest_asked = 60;            ///< of a wait that the server asks for
    std::uint64_t seed = 1;
};

/// What one try came to.
struct Outcome {
    enum class Kind { reply, again, never };   ///< again: worth another try; never: the next one would end alike
    Kind kind = Kind::again;
    svad::text::Reply reply{};
    std::string problem{};                     ///< why there is no reply, for people
    std::optional<double> retry_after{};       ///< seconds, if the server said
};

/// Seconds to wait before try `retry` + 1, where the first retry is 0.
[[nodiscard]] inline double wait_seconds(const RetryPolicy& policy, int retry, std::optional<double> asked, svad::Random& random) {
    const double jitter = random.uniform(0.5, 1.0);   // drawn always, so that later waits do not depend on `asked`
    if (asked && std::isfinite(*asked)) return std::clamp(*asked, 0.0, policy.longest_asked);
    return jitter * std::min(policy.longest, std::ldexp(policy.first, std::min(retry, 60)));
}

/// attempt() until it gives a reply, at most policy.tries times, with sleep(seconds) between. Throws ModelError.
template <class Attempt, class Sleep>
[[nodiscard]] svad::text::Reply with_retries(const RetryPolicy& policy, std::uint64_t stream, const Attempt& attempt,
                                             const Sleep& sleep) {
    svad::Random random{policy.seed, stream};
    for (int i = 0;; ++i) {
        Outcome now = attempt();
        if (now.kind == Outcome::Kind::reply) return std::move(now.reply);
        if (now.kind == Outcome::Kind::never) svad::fail<svad::text::ModelError>(now.problem);
        if (i + 1 >= policy.tries) svad::fail<svad::text::ModelError>(now.problem, " (", i + 1, i == 0 ? " try)" : " tries)");
        sleep(wait_seconds(policy, i, now.retry_after, random));
    }
}

}  // namespace tool
