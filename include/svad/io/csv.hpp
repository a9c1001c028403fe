// SPDX-License-Identifier: Apache-2.0
// Comma-separated text (RFC 4180): cells may be quoted, quoted cells may hold commas, line ends and doubled quotes.
//
// Promise: one pass, one row in memory; lines end with LF or CRLF; a byte order mark and blank lines are skipped; every
// byte sequence gives rows or a FormatError with file and line. A quote inside an unquoted cell is an ordinary
// character, as spreadsheets write it. Rejected: guessing the separator (say which it is).
#pragma once

#include "svad/core/error.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace svad::io {

/// Reads rows of cells from a text that outlives it.
class CsvReader {
public:
    /// `where` (usually a path) starts every error; rows of more than `max_cells` cells are refused.
    CsvReader(std::string_view text, std::string where, char separator = ',', std::size_t max_cells = 4096)
        : text_{text}, where_{std::move(where)}, separator_{separator}, max_cells_{max_cells} {
        if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
    }

    /// Puts the next row that is not blank into `cells`; false at the end. Throws FormatError.
    bool next(std::vector<std::string>& cells) {
        cells.clear();
        while (at_ < text_.size() && skip_line_end()) {}
        if (at_ >= text_.size()) return false;
        row_line_ = line_;
        do {
            if (cells.size() == max_cells_)
                fail<FormatError>(where_, ":", line_, ": the row has more than ", max_cells_, " cells");
            cells.emplace_back();
            read_cell(cells.back());
        } while (take_separator());
        return true;
    }

    /// Number of the line on which the last row began, from 1.
    [[nodiscard]] std::size_t line() const { return row_line_; }

private:
    /// Steps over LF or CRLF; false if there is none here.
    bool skip_line_end() {
        const std::size_t length = text_[at_] == '\n' ? 1 : text_.substr(at_, 2) == "\r\n" ? 2 : 0;
        at_ += length;
        line_ += length > 0 ? 1 : 0;
        return length > 0;
    }

    /// True behind a separator; false behind the row's end.
    bool take_separator() {
        if (at_ >= text_.size()) return false;
        if (text_[at_] == separator_) return ++at_, true;
        if (!skip_line_end()) fail<FormatError>(where_, ":", line_, ": there is text behind a closing quote");
        return false;
    }

    void read_cell(std::string& cell) {
        if (at_ < text_.size() && text_[at_] == '"') return read_quoted(cell);
        const std::size_t start = at_;
        while (at_ < text_.size() && text_[at_] != separator_ && text_[at_] != '\n') ++at_;
        if (at_ > start && text_[at_ - 1] == '\r' && at_ < text_.size() && text_[at_] == '\n') --at_;
        cell.assign(text_.substr(start, at_ - start));
    }

    void read_quoted(std::string& cell) {
        const std::size_t opened = line_;
        for (++at_; at_ < text_.size(); ++at_) {
            if (text_[at_] == '\n') ++line_;
            if (text_[at_] == '"') {
                if (text_.substr(at_ + 1, 1) != "\"") return void(++at_);
                ++at_;
            }
            cell.push_back(text_[at_]);
        }
        fail<FormatError>(where_, ":", opened, ": a quote is not closed");
    }

    std::string_view text_;
    std::string where_;
    char separator_;
    std::size_t max_cells_, at_ = 0, line_ = 1, row_line_ = 0;
};

}  // namespace svad::io
