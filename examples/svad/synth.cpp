// SPDX-License-Identifier: Apache-2.0
// svad synth: a data set of rendered advertisements; what is finished already is kept.
#include "commands.hpp"

#include "svad/svad.hpp"

#include <cstdio>
#include <mutex>

namespace tool {

int synth(const SynthOptions& options) {
    using namespace svad;
    train::ProgressBar bar("clips");
    data::synth::SynthOptions o;
    o.primary = options.primary, o.auxiliary = options.auxiliary, o.held_out = options.held_out, o.pretrain = options.pretrain;
    o.seed = options.seed;
    Index clips = 0;
    std::mutex one_at_a_time;                                   // clips finish on several threads
    data::synth::write_dataset(options.out, o, [&](Index done, Index total) {
        const std::lock_guard lock(one_at_a_time);
        bar.update(done, total);
        clips = total;
    });
    bar.finish();
    std::printf("%lld clips in %s\n", static_cast<long long>(clips), options.out.c_str());
    return 0;
}

}  // namespace tool
