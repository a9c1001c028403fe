// SPDX-License-Identifier: Apache-2.0
// What `svad stats` knows of each annotated set, and the forms in which it tells it.
// Reading (stats_read.cpp), figures for machines and people (stats.cpp) and the page (stats_page.cpp) meet here only.
#pragma once

#include "commands.hpp"

#include "svad/data/annotations.hpp"
#include "svad/data/statistics.hpp"
#include "svad/io/json.hpp"

#include <string>
#include <vector>

namespace tool {

/// The type-annotation curve is told at this many points, and drawn with more between them.
inline constexpr std::size_t curve_points = 20, drawn_between = 20;

/// A set, made of one file or several.
struct AnnotatedSet {
    std::string name, language;                             // "en" or "zh"
    std::string words_are, tags_are;                        // how the text was cut and tagged, for the reader
    std::vector<svad::data::AnnotationFile> files;
    std::uint64_t probed = 0, unreadable = 0;               // videos whose length was read, or could not be
    svad::data::Statistics statistics;

    /// The points of the curve that are told: every 20th of the set.
    [[nodiscard]] std::vector<svad::data::CurvePoint> curve() const {
        std::vector<svad::data::CurvePoint> told;
        std::size_t k = 1;
        for (const auto& p : statistics.curve) {
            while (k <= curve_points && statistics.annotations * k / curve_points < p.annotations) ++k;
            const bool here = k <= curve_points && statistics.annotations * k / curve_points == p.annotations;
            if (here && (told.empty() || told.back().annotations < p.annotations)) told.push_back(p);
        }
        return told;
    }
    [[nodiscard]] std::uint64_t left_out() const {
        std::uint64_t n = 0;
        for (const auto& f : files) n += f.left_out;
        return n;
    }
};

/// Reads the files; those with one name are one set, whose parts are its splits.
std::vector<AnnotatedSet> read_sets(const StatsOptions& options);

/// What a reader must know before believing the figures of `set`: one clause each.
std::vector<std::string> remarks(const AnnotatedSet& set);

/// All figures of the sets, for machines.
svad::io::Json stats_json(const std::vector<AnnotatedSet>& sets);

/// The page with all figures, one self-contained HTML file.
std::string stats_page(const std::vector<AnnotatedSet>& sets);

}  // namespace tool
