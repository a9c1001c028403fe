// SPDX-License-Identifier: Apache-2.0
// The learning rate as a function of the step (from 0): a linear warm-up, then a cosine, a straight line to zero, or
// nothing. The formulas are those of transformers' get_*_schedule_with_warmup, so that published recipes carry over.
#pragma once

#include "svad/core/dtype.hpp"

#include <algorithm>
#include <cmath>

namespace svad {

/// What follows the warm-up.
enum class Decay { cosine, linear, none };

struct Schedule {
    double peak = 1e-3;
    Index warmup = 0, total = 1;
    Decay decay = Decay::cosine;
    double cycles = 0.5;                            ///< of the cosine; half a cycle ends at zero
    double floor = 0;                               ///< the least rate behind the warm-up, as a share of the peak

    /// The rate in force at a step.
    double operator()(Index step) const {
        if (step < warmup) return peak * static_cast<double>(step) / static_cast<double>(warmup);
        const double p = static_cast<double>(step - warmup) / static_cast<double>(std::max<Index>(1, total - warmup));
        switch (decay) {
            case Decay::cosine: return peak * std::max(floor, 0.5 * (1.0 + std::cos(6.283185307179586 * cycles * p)));
            case Decay::linear: return peak * std::max(floor, 1.0 - p);
            default: return peak;
        }
    }
};

}  // namespace svad
