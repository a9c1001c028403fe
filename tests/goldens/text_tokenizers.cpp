// SPDX-License-Identifier: Apache-2.0
// Fixtures of text: ids, offsets and texts.
#include "runner.hpp"

namespace goldens {

void run_tokenizers(const std::string& folder, std::vector<Report>& reports) {
    Report report("tokenizers");
    report.unsupported(folder);
    publish(report, reports);
}

}  // namespace goldens
