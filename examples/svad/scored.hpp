// SPDX-License-Identifier: Apache-2.0
// Captions scored against references, and how the scores are shown: by evaluate --refs and by rewrite alike.
#pragma once

#include "commands.hpp"

#include "svad/metrics/caption_files.hpp"

namespace tool {

/// One system's captions beside the references, with their scores.
struct Scored {
    std::string name;
    svad::metrics::PairedCaptions pairs;
    svad::metrics::CaptionScores scores;
};

/// Pairs and scores as the options say. Throws FormatError for ids that do not fit, unless they allow it.
[[nodiscard]] Scored score(const svad::metrics::CaptionFile& references, const svad::metrics::CaptionFile& captions,
                           const CaptionFilesOptions& options);

/// Counts, scores and signatures, with intervals if asked for.
[[nodiscard]] svad::io::Json system_json(const Scored& scored, const CaptionFilesOptions& options);
void print_scores(const std::vector<Scored>& systems, const CaptionFilesOptions& options);

}  // namespace tool
