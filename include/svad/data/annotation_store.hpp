// SPDX-License-Identifier: Apache-2.0
// The annotations of a data-set folder while people work on them: annotations.jsonl, one clip a line, sorted by id.
//   {"id": "v1#003", "description": "...", "keywords": [{"word": "jar", "kind": "object"}], "status": "written",
//    "author": "...", "reviewer": "...", "note": "..."}
// status: draft (being written), written (waits for a review), approved or rejected (reviewed by somebody else).
//
// Promise: nobody overwrites anybody silently. A save names the version it began from, which is a hash of the content and
// so outlives restarts and edits by hand; another version in the file is a conflict, and nothing is written. Each save
// replaces the whole file in one durable step. Fields that are not ours are kept. A file that cannot be read wholly is
// an error, never repaired by leaving lines out, since the next save would lose them.
// Rejected: a data base (people edit the file and put it under version control), a log of edits (no longer one line a clip).
#pragma once

#include "svad/core/random.hpp"
#include "svad/data/manifest.hpp"
#include "svad/io/json_lines.hpp"
#include "svad/text/unicode.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

namespace svad::data {

inline constexpr std::array<std::string_view, 4> annotation_states{"draft", "written", "approved", "rejected"};

/// What people wrote about one clip, and how far its review is.
struct ClipAnnotation {
    std::string id, description;
    std::vector<Keyword> keywords;
    std::string status = "draft", author, reviewer, note;
    io::Json rest = io::Json::object();         ///< fields of the line that are none of the above

    friend bool operator==(const ClipAnnotation&, const ClipAnnotation&) = default;
};

/// Bytes and counts beyond which an annotation is refused.
struct AnnotationLimits {
    std::size_t id = 1024, description = 20'000, keywords = 256, word = 200, name = 200, note = 4'000;
};

/// Throws FormatError where a field is longer than its limit, not UTF-8, or no state.
inline void check_annotation(const ClipAnnotation& a, const AnnotationLimits& limits = {}) {
    const auto check = [](std::string_view name, std::string_view value, std::size_t most) {
        if (value.size() > most) fail<io::FormatError>(name, " is too long; got ", value.size(), " bytes, the limit is ", most);
        if (text::find_invalid_utf8(value) != std::string_view::npos) fail<io::FormatError>(name, " is not valid utf-8");
    };
    if (a.id.empty()) fail<io::FormatError>("id must not be empty");
    check("id", a.id, limits.id);
    check("description", a.description, limits.description);
    check("author", a.author, limits.name);
    check("reviewer", a.reviewer, limits.name);
    check("note", a.note, limits.note);
    if (a.keywords.size() > limits.keywords)
        fail<io::FormatError>("keywords are too many; got ", a.keywords.size(), ", the limit is ", limits.keywords);
    for (const Keyword& k : a.keywords) {
        if (k.word.empty()) fail<io::FormatError>("a keyword must not be empty");
        check("a keyword", k.word, limits.word);
        check("the kind of a keyword", k.kind, limits.word);
    }
    if (std::find(annotation_states.begin(), annotation_states.end(), a.status) == annotation_states.end())
        fail<io::FormatError>("status must be draft, written, approved or rejected; got '", a.status.substr(0, 40), "'");
}

[[nodiscard]] inline io::Json to_json(const std::vector<Keyword>& keywords) {
    io::Json out = io::Json::array();
    for (const Keyword& k : keywords) out.push_back(io::object({{"word", k.word}, {"kind", k.kind}}));
    return out;
}

/// One line of the file.
[[nodiscard]] inline io::Json to_json(const ClipAnnotation& a) {
    io::Json out = a.rest;
    out["id"] = a.id;
    out["description"] = a.description;
    out["keywords"] = to_json(a.keywords);
    out["status"] = a.status;
    out["author"] = a.author;
    out["reviewer"] = a.reviewer;
    out["note"] = a.note;
    return out;
}

/// Keywords as a list of {word, kind} or of plain words; nothing where `list` is no such list.
[[nodiscard]] inline std::vector<Keyword> keywords_from_json(const io::Json& list) {
    if (!list.is_array()) fail<io::FormatError>("keywords must be a list of {word, kind}");
    std::vector<Keyword> out;
    for (const io::Json& k : list) {
        if (k.is_string()) out.push_back({k.get<std::string>(), "keyword"});
        else if (k.is_object()) out.push_back({io::field<std::string>(k, "word", "keywords"), io::field_or<std::string>(k, "kind", "keyword", "keywords")});
        else fail<io::FormatError>("keywords must be a list of {word, kind}");
    }
    return out;
}

/// Throws FormatError if `line` is no annotation.
[[nodiscard]] inline ClipAnnotation annotation_from_json(const io::Json& line) {
    if (!line.is_object()) fail<io::FormatError>("the line is no JSON object");
    ClipAnnotation a;
    a.id = io::field<std::string>(line, "id", "line");
    a.description = io::field_or<std::string>(line, "description", "", "line");
    a.status = io::field_or<std::string>(line, "status", a.description.empty() ? "draft" : "written", "line");
    a.author = io::field_or<std::string>(line, "author", "", "line");
    a.reviewer = io::field_or<std::string>(line, "reviewer", "", "line");
    a.note = io::field_or<std::string>(line, "note", "", "line");
    if (const auto words = line.find("keywords"); words != line.end()) a.keywords = keywords_from_json(*words);
    a.rest = line;
    for (const char* key : {"id", "description", "keywords", "status", "author", "reviewer", "note"}) a.rest.erase(key);
    check_annotation(a);
    return a;
}

/// What a save must name to replace `a`: 16 hexadecimal digits that follow from the content.
[[nodiscard]] inline std::string version_of(const ClipAnnotation& a) {
    const std::uint64_t hash = stable_hash(io::dump(to_json(a)));
    std::string out;
    for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[hash >> shift & 15];
    return out;
}

/// What one person asks for: texts and a state.
struct Revision {
    std::string id, user, description;
    std::vector<Keyword> keywords;
    std::string status = "draft", note;
};

namespace detail {

inline std::string trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) return {};
    return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

inline bool is_review(std::string_view status) { return status == "approved" || status == "rejected"; }

}  // namespace detail

/// `before` (null: none yet) after the revision, by the rules of peer review. Who changes the words is their author.
/// Approving and rejecting leave the words alone and are for another than the author; a rejection says why.
/// Throws FormatError, in words for the person, if the revision breaks a rule.
[[nodiscard]] inline ClipAnnotation revised(const ClipAnnotation* before, const Revision& r) {
    const std::string user = detail::trimmed(r.user), description = detail::trimmed(r.description);
    if (user.empty()) fail<io::FormatError>("say who you are before saving");
    ClipAnnotation a = before ? *before : ClipAnnotation{};
    const bool new_words = !before || a.description != description || a.keywords != r.keywords;
    const bool was_reviewed = detail::is_review(a.status);
    if (r.status != "draft" && description.empty()) fail<io::FormatError>("the description is empty; it can only be a draft");
    if (detail::is_review(r.status)) {
        if (new_words) fail<io::FormatError>("the text or its keywords were changed; save them as written, for another to review");
        if (text::to_lower(detail::trimmed(a.author)) == text::to_lower(user))
            fail<io::FormatError>("the author does not review the own text; another has to");
        if (r.status == "rejected" && detail::trimmed(r.note).empty()) fail<io::FormatError>("a rejection needs a note that says why");
        a.reviewer = user;
    } else if (new_words || was_reviewed) {
        a.reviewer.clear();
    }
    if (new_words || (a.author.empty() && !detail::is_review(r.status))) a.author = user;
    a.id = r.id;
    a.description = description;
    a.keywords = r.keywords;
    a.status = r.status;
    a.note = detail::trimmed(r.note);
    check_annotation(a);
    return a;
}

/// Annotations by id, which is also the order of the file.
using ClipAnnotations = std::map<std::string, ClipAnnotation>;

/// The file at `path`; none if there is no file. Throws FormatError with the number of a line that cannot be kept.
[[nodiscard]] inline ClipAnnotations read_annotations_file(const std::string& path) {
    ClipAnnotations out;
    if (!io::exists(path)) return out;
    io::for_each_json_line(io::read_file(path), path, [&](const io::Json& line, const std::string& where) {
        try {
            ClipAnnotation a = annotation_from_json(line);
            std::string id = a.id;
            if (!out.emplace(std::move(id), std::move(a)).second) fail<io::FormatError>("the id occurs twice");
        } catch (const io::FormatError& e) {
            fail<io::FormatError>(where, ": ", e.what(), "; mend or remove the line");
        }
    });
    return out;
}

/// Replaces the file at `path`, durably and in one step.
inline void write_annotations_file(const std::string& path, const ClipAnnotations& all) {
    io::AtomicWriter writer{path};
    std::string part;
    for (const auto& entry : all) {
        part += io::dump(to_json(entry.second)) + "\n";
        if (part.size() < std::size_t{1} << 20) continue;
        writer.write(part);
        part.clear();
    }
    writer.write(part);
    writer.commit();
}

/// The annotations of one file in memory, in step with it. For one thread at a time.
class AnnotationStore {
public:
    /// Reads the file at `path`; it need not exist yet.
    explicit AnnotationStore(std::string path) : path_(std::move(path)) { (void)refresh(); }

    [[nodiscard]] const ClipAnnotations& all() const { return all_; }
    [[nodiscard]] const ClipAnnotation* find(const std::string& id) const {
        const auto it = all_.find(id);
        return it == all_.end() ? nullptr : &it->second;
    }

    /// Reads the file again if another program replaced it; the ids whose annotations differ now (also removed ones).
    std::vector<std::string> refresh() {
        const Stamp now = stamp();
        if (now == stamp_) return {};
        ClipAnnotations fresh = read_annotations_file(path_);
        std::vector<std::string> changed;
        for (const auto& entry : fresh)
            if (const ClipAnnotation* old = find(entry.first); !old || !(*old == entry.second)) changed.push_back(entry.first);
        for (const auto& entry : all_)
            if (!fresh.contains(entry.first)) changed.push_back(entry.first);
        all_ = std::move(fresh);
        stamp_ = now;
        return changed;
    }

    /// True if the clip's annotation is still `version` ("": there is none).
    [[nodiscard]] bool is_current(const std::string& id, std::string_view version) const {
        const ClipAnnotation* const now = find(id);
        return now ? version_of(*now) == version : version.empty();
    }

    /// Keeps `a` in memory and file. If the file cannot be written, both stay as they were and the error goes on.
    void put(const ClipAnnotation& a) {
        check_annotation(a);
        ClipAnnotations next = all_;
        next[a.id] = a;
        write_annotations_file(path_, next);
        all_ = std::move(next);
        stamp_ = stamp();
    }

private:
    /// What tells two states of a file apart without reading it: every atomic save makes a new inode.
    using Stamp = std::tuple<std::uint64_t, std::int64_t, std::int64_t, std::int64_t>;

    [[nodiscard]] Stamp stamp() const {
        struct stat s {};
        if (::stat(path_.c_str(), &s) != 0) return {};
        return {s.st_ino, s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec};
    }

    std::string path_;
    ClipAnnotations all_;
    Stamp stamp_{};
};

}  // namespace svad::data
