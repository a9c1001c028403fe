// SPDX-License-Identifier: Apache-2.0
// Fixtures of text: scores of captions.
#include "runner.hpp"

namespace goldens {

void run_metrics(const std::string& folder, std::vector<Report>& reports) {
    Report report("metrics");
    report.unsupported(folder);
    publish(report, reports);
}

}  // namespace goldens
