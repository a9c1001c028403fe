// SPDX-License-Identifier: Apache-2.0
// Fixtures of text: statistics of caption sets.
#include "runner.hpp"

namespace goldens {

void run_captions(const std::string& folder, std::vector<Report>& reports) {
    Report report("captions");
    report.unsupported(folder);
    publish(report, reports);
}

}  // namespace goldens
