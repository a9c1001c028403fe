// SPDX-License-Identifier: Apache-2.0
// Fixtures of text: accuracy of taggers.
#include "runner.hpp"

namespace goldens {

void run_pos(const std::string& folder, std::vector<Report>& reports) {
    Report report("pos");
    report.unsupported(folder);
    publish(report, reports);
}

}  // namespace goldens
