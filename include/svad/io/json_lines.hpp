// SPDX-License-Identifier: Apache-2.0
// Files of one JSON object a line that svad itself writes: read strictly, written whole.
//
// A line that is no object is a FormatError with file and line: such a file is a stage's result, and half a result is none.
// (Manifests from elsewhere are read by data/manifest.hpp, which leaves bad lines out and counts them.)
#pragma once

#include "svad/io/json.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace svad::io {

/// Calls each(line, where) for every object in `text`, the content of `path`; empty lines are passed over. What `each` throws
/// of FormatErrors gets "path:line: " in front. Throws FormatError.
template <class Each>
void for_each_json_line(std::string_view text, const std::string& path, Each&& each) {
    std::size_t number = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t stop = std::min(text.find('\n', at), text.size());
        const std::string_view line = text.substr(at, stop - at);
        at = stop + 1;
        ++number;
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
        const std::string where = join(path, ":", number);
        const Json json = parse_json(line, where);
        if (!json.is_object()) fail<FormatError>(where, ": the line is no JSON object; restore the file or make it again");
        each(json, where);
    }
}

/// All objects of a file, in order. Throws FileError and FormatError.
[[nodiscard]] inline std::vector<Json> read_json_lines(const std::string& path) {
    std::vector<Json> out;
    for_each_json_line(read_file(path), path, [&](const Json& line, const std::string&) { out.push_back(line); });
    return out;
}

/// Replaces the file at `path` by these objects, one a line, in one step.
inline void write_json_lines(const std::string& path, const std::vector<Json>& lines) {
    AtomicWriter out{path};
    for (const Json& line : lines) out.write(dump(line) + "\n");
    out.commit();
}

}  // namespace svad::io
