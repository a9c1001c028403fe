// SPDX-License-Identifier: Apache-2.0
// Fixtures of text: merges learnt.
#include "runner.hpp"

namespace goldens {

void run_bpe_training(const std::string& folder, std::vector<Report>& reports) {
    Report report("bpe_training");
    report.unsupported(folder);
    publish(report, reports);
}

}  // namespace goldens
