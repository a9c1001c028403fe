// SPDX-License-Identifier: Apache-2.0
// Reading annotated sets for their statistics: svad's manifests (JSONL, data/manifest.hpp) and tables (TSV with a header
// of video and caption, and if it likes seconds, tokens, tags, category, split), plain or as gzip.
//
// Promise: rows come in the order of the file and are views, so nothing is kept; a line that makes no sense is left out
// with its reason (bad seconds, invalid UTF-8, a wrong number of cells or tags) and counted, never silently.
// Rejected: guessing by the file's name (a table is what starts with a line of tabs and no brace).
#pragma once

#include "svad/data/manifest.hpp"
#include "svad/io/gzip.hpp"
#include "svad/text/words.hpp"

#include <charconv>
#include <limits>

namespace svad::data {

/// One annotation as it stands in a file. Views are valid while the visitor runs.
struct AnnotationRow {
    std::string_view video;                     ///< as the file names it; in a JSONL manifest, as the program can open it
    double seconds = std::numeric_limits<double>::quiet_NaN();   ///< NaN: the file does not say
    std::string_view caption;
    std::optional<std::string_view> tokens, tags;                ///< joined by blanks
    std::string_view category, split;
};

/// What a file was, beside its rows.
struct AnnotationFile {
    std::string path;
    std::uint64_t rows = 0, left_out = 0;       ///< annotations that were visited; lines that were not
    std::vector<std::string> problems;          ///< why, for the first lines that were left out
    std::vector<std::string> ignored;           ///< columns of a table that mean nothing here
};

namespace detail {

inline constexpr std::size_t longest_line = std::size_t{16} << 20, kept_problems = 20;

inline void leave_out(AnnotationFile& file, std::size_t line, const char* why) {
    if (++file.left_out <= kept_problems) file.problems.push_back(join(file.path, ":", line, ": ", why));
}

/// Calls visit(line, number) for every line that is not blank; errors about a line go to `file`.
template <class Visit>
void for_each_line(std::string_view text, AnnotationFile& file, Visit visit) {
    std::size_t number = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t stop = std::min(text.find('\n', at), text.size());
        std::string_view line = text.substr(at, stop - at);
        at = stop + 1;
        ++number;
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.find_first_not_of(" \t") == std::string_view::npos) continue;
        try {
            if (line.size() > longest_line) fail<io::FormatError>("the line is longer than ", longest_line, " bytes");
            if (const std::size_t bad = text::find_invalid_utf8(line); bad != std::string_view::npos)
                fail<io::FormatError>("the line is not valid utf-8 (at byte ", bad, ")");
            visit(line, number);
        } catch (const io::FormatError& e) {
            leave_out(file, number, e.what());
        } catch (const io::Json::exception&) {
            leave_out(file, number, "a field has the wrong type");
        }
    }
}

/// A positive number of seconds, or NaN for an empty cell.
inline double parse_seconds(std::string_view cell) {
    if (cell.empty()) return std::numeric_limits<double>::quiet_NaN();
    double seconds = 0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), seconds);
    if (error != std::errc{} || end != cell.data() + cell.size() || !(seconds > 0 && std::isfinite(seconds)))
        fail<io::FormatError>("seconds must be a positive number; got '", cell.substr(0, 40), "'");
    return seconds;
}

inline void check_tags(const AnnotationRow& row) {
    if (!row.tags) return;
    const std::size_t words = row.tokens ? text::blank_words(*row.tokens).size() : 0, tags = text::blank_words(*row.tags).size();
    if (tags != words) fail<io::FormatError>("tags must be one a token; got ", tags, " for ", words);
}

/// Calls visit(i, cell) for the cells of a line; how many there are.
template <class Visit>
std::size_t for_each_cell(std::string_view line, Visit visit) {
    for (std::size_t i = 0;; ++i) {
        const std::size_t stop = line.find('\t');
        visit(i, line.substr(0, stop));
        if (stop == std::string_view::npos) return i + 1;
        line.remove_prefix(stop + 1);
    }
}

/// Where the columns of a table are: npos for one that it lacks.
class Columns {
public:
    Columns(std::string_view header, AnnotationFile& file) {
        at_.fill(npos);
        count_ = for_each_cell(header, [&](std::size_t i, std::string_view name) { enter(name, i, file); });
        for (const std::size_t needed : {video, caption})
            if (at_[needed] == npos) fail<io::FormatError>(file.path, ": the table has no column '", names[needed][0], "'");
    }

    [[nodiscard]] AnnotationRow row(std::string_view line) const {
        std::array<std::string_view, 7> cells;
        const std::size_t count = for_each_cell(line, [&](std::size_t i, std::string_view cell) {
            for (std::size_t k = 0; k < cells.size(); ++k)
                if (at_[k] == i) cells[k] = cell;
        });
        if (count != count_) fail<io::FormatError>("the line has ", count, " cells; the header has ", count_);
        if (cells[video].empty()) fail<io::FormatError>("the line names no video");
        AnnotationRow row{cells[video], parse_seconds(cells[seconds]), cells[caption], {}, {}, cells[category], cells[split]};
        if (at_[tokens] != npos) row.tokens = cells[tokens];
        if (at_[tags] != npos) row.tags = cells[tags];
        check_tags(row);
        return row;
    }

private:
    enum Column : std::size_t { video, seconds, caption, tokens, tags, category, split };
    static constexpr std::size_t npos = std::string_view::npos;
    static constexpr std::array<std::array<std::string_view, 2>, 7> names{{{"video", "video_id"}, {"seconds", "duration"},
        {"caption", "description"}, {"tokens", "words"}, {"tags", "pos"}, {"category", "categories"}, {"split", "part"}}};

    void enter(std::string_view name, std::size_t i, AnnotationFile& file) {
        for (std::size_t k = 0; k < names.size(); ++k) {
            if (name != names[k][0] && name != names[k][1]) continue;
            if (at_[k] != npos) fail<io::FormatError>(file.path, ": the table has two columns for '", names[k][0], "'");
            at_[k] = i;
            return;
        }
        if (file.ignored.size() < kept_problems) file.ignored.emplace_back(name.substr(0, 80));
    }

    std::array<std::size_t, 7> at_{};
    std::size_t count_ = 0;
};

template <class Visit>
void visit_record(const Record& record, AnnotationFile& file, Visit& visit) {
    std::vector<AnnotationRow> rows;
    for (std::size_t i = 0; i < record.descriptions.size(); ++i) {
        AnnotationRow row{record.video, record.seconds.value_or(std::numeric_limits<double>::quiet_NaN()),
                          record.descriptions[i], {}, {}, record.category, record.split};
        if (!record.tokens.empty()) row.tokens = record.tokens[i];
        if (!record.tags.empty()) row.tags = record.tags[i];
        check_tags(row);
        rows.push_back(row);
    }
    for (const AnnotationRow& row : rows) {
        visit(row);
        ++file.rows;
    }
}

}  // namespace detail

/// Calls visit(const AnnotationRow&) for every annotation of a manifest or table whose text is `text`; `path` names it
/// and says which folder its videos are in. Throws io::FormatError if it is no such text or no line of it is an
/// annotation, and what visit throws, except that an io::FormatError of visit leaves the row's line out.
template <class Visit>
[[nodiscard]] AnnotationFile parse_annotations(std::string_view text, const std::string& path, Visit visit) {
    AnnotationFile file{path, 0, 0, {}, {}};
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    const std::string_view first = text.substr(0, text.find('\n'));
    if (first.find('\t') != std::string_view::npos && first.find('{') == std::string_view::npos) {
        const detail::Columns head(first.ends_with('\r') ? first.substr(0, first.size() - 1) : first, file);
        detail::for_each_line(text, file, [&](std::string_view line, std::size_t number) {
            if (number == 1) return;
            visit(head.row(line));
            ++file.rows;
        });
    } else {
        const std::string folder = io::detail::directory_of(path);
        detail::for_each_line(text, file, [&](std::string_view line, std::size_t) {
            detail::visit_record(detail::parse_record(io::parse_json(line, "json"), folder), file, visit);
        });
    }
    if (file.rows == 0)
        fail<io::FormatError>(path, ": no line is an annotation; ",
                              file.problems.empty() ? "give a JSONL manifest or a table with a header of video, caption" : file.problems[0]);
    return file;
}

/// parse_annotations of the file at `path`, which may be a gzip file. Throws io::FileError if it cannot be read.
template <class Visit>
[[nodiscard]] AnnotationFile read_annotations(const std::string& path, Visit visit) {
    return parse_annotations(io::read_maybe_gzip(path), path, visit);
}

}  // namespace svad::data
