// SPDX-License-Identifier: Apache-2.0
#include "mutation.hpp"

#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <utility>

namespace svad::executor {

namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

}  // namespace

bool skipped(Where where) {
    static const std::string skip = environment("SVAD_SYNC_SKIP"), trace = environment("SVAD_SYNC_TRACE");
    if (skip.empty() && trace.empty()) return false;
    static std::map<std::pair<const char*, int>, bool> known;             // file and line: skip it?
    const auto [it, added] = known.try_emplace({where.file, where.line}, false);
    if (!added) return it->second;
    const std::string here = to_string(where);
    if (!trace.empty()) std::ofstream(trace, std::ios::app) << here << "\n";
    return it->second = here == skip;
}

}  // namespace svad::executor
