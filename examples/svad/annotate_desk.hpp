// SPDX-License-Identifier: Apache-2.0
// What the annotation page asks for, without the network: the clips with their annotations as JSON, what changed since the
// page last asked, and saves. Texts in, texts out, so that the rules can be seen apart from HTTP.
//
// Promise: callable from several threads; a save that began from another version than the file's is refused and answered
// with what stands there now; a save that was answered with 200 is on the disk.
#pragma once

#include "annotate_clips.hpp"

#include "svad/data/annotation_store.hpp"

#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace tool {

/// A status as HTTP counts them, and JSON.
struct DeskAnswer {
    int status = 200;
    std::string body;
};

class AnnotationDesk {
public:
    AnnotationDesk(std::vector<AnnotatedClip> clips, const std::string& path);

    [[nodiscard]] const std::vector<AnnotatedClip>& clips() const { return clips_; }

    /// {"revision": n, "clips": [{"id", "video", "start", "end", "category", "split", "annotation"}]}, in order of the ids.
    [[nodiscard]] std::string all();

    /// {"revision": n, "annotations": [...]}: what differs since all() or changes() said `since`.
    [[nodiscard]] std::string changes(std::uint64_t since);

    /// {"id", "version", "user", "description", "keywords", "status", "note"} -> 200 {"annotation"}, 409 {"error",
    /// "annotation"} in a conflict, 422 {"error"} where a rule is broken.
    [[nodiscard]] DeskAnswer save(const std::string& request);

private:
    void refresh();
    [[nodiscard]] svad::io::Json shown(const std::string& id) const;

    std::vector<AnnotatedClip> clips_;
    std::unordered_map<std::string, std::size_t> number_;   ///< of the clip with this id
    std::mutex mutex_;
    svad::data::AnnotationStore store_;
    std::uint64_t revision_ = 0;
    std::vector<std::uint64_t> changed_;                    ///< for each clip the revision that last changed it
};

}  // namespace tool
