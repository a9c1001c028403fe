// SPDX-License-Identifier: Apache-2.0
// The three things that are ambient, each a scope of one thread: NoGrad (no tape), Training (dropout is on, and where
// its random numbers come from) and Autocast (operands of the matmul family are rounded to a narrower float).
// Nothing else is ambient: not the device, not the dtype, not a random generator.
#pragma once

#include "svad/core/dtype.hpp"

namespace svad {

namespace detail {

struct Modes {
    bool tape = true;
    bool training = false;
    std::uint64_t seed = 0, step = 0, site = 0;
    DType matmul = DType::f32;
};

inline Modes& modes() {
    thread_local Modes m;
    return m;
}

/// Restores every mode when it goes out of scope.
class ModeScope {
public:
    ModeScope() : before_(modes()) {}
    ~ModeScope() { modes() = before_; }
    ModeScope(const ModeScope&) = delete;
    ModeScope& operator=(const ModeScope&) = delete;

private:
    Modes before_;
};

}  // namespace detail

/// While it lives, ops on this thread record nothing.
class [[nodiscard]] NoGrad : detail::ModeScope {
public:
    NoGrad() { detail::modes().tape = false; }
};

/// While it lives, dropout drops. Its masks are a function of (seed, step, site), so the same step repeats exactly.
class [[nodiscard]] Training : detail::ModeScope {
public:
    explicit Training(std::uint64_t seed = 0, std::uint64_t step = 0) {
        auto& m = detail::modes();
        m.training = true, m.seed = seed, m.step = step, m.site = 0;
    }
};

/// While it lives, products (linear, matmul) round their operands to `dtype` and still accumulate in f32.
class [[nodiscard]] Autocast : detail::ModeScope {
public:
    explicit Autocast(DType dtype) {
        if (dtype != DType::f32 && dtype != DType::bf16)
            fail<DTypeError>("autocast: f32 and bf16 are possible on the CPU; got ", dtype);
        detail::modes().matmul = dtype;
    }
};

[[nodiscard]] inline bool tape_enabled() { return detail::modes().tape; }
[[nodiscard]] inline bool training_enabled() { return detail::modes().training; }

}  // namespace svad
