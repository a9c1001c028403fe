// SPDX-License-Identifier: Apache-2.0
// Captions by id from the files that papers share: COCO's annotations {"images": [...], "annotations": [{"image_id",
// "caption"}, ...]}, its results [{"image_id", "caption"}, ...], {"id": ["caption", ...]} and JSONL of one object a line.
//
// Promise: ids keep the order of the file (those of an object the alphabet's), a number and the same digits as text are
// one id, a caption is never dropped: what is no caption is a FormatError that names the file and the place. Gzip is
// unpacked. Pairing says what is missing.
// Rejected: ids as numbers (video data sets name theirs), and guessing by the file's name which format it has.
#pragma once

#include "svad/io/gzip.hpp"
#include "svad/io/json.hpp"
#include "svad/metrics/report.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace svad::metrics {

/// An id and its captions, in the order of the file. There may be none: an image of COCO without an annotation.
struct CaptionEntry {
    std::string id;
    std::vector<std::string> captions;
};

/// What a file holds, every id once.
class CaptionFile {
public:
    explicit CaptionFile(std::string path) : path_(std::move(path)) {}

    /// The captions of `id`, made empty where it is new.
    std::vector<std::string>& operator[](const std::string& id) {
        const auto [at, fresh] = index_.try_emplace(id, entries_.size());
        if (fresh) entries_.push_back({id, {}});
        return entries_[at->second].captions;
    }

    /// The entry of `id`, or nullptr.
    [[nodiscard]] const CaptionEntry* find(const std::string& id) const {
        const auto at = index_.find(id);
        return at == index_.end() ? nullptr : &entries_[at->second];
    }

    [[nodiscard]] const std::vector<CaptionEntry>& entries() const { return entries_; }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
    std::vector<CaptionEntry> entries_;
    std::unordered_map<std::string, std::size_t> index_;
};

namespace detail {

inline constexpr std::array<const char*, 4> id_keys{"image_id", "video_id", "id", "video"};
inline constexpr std::array<const char*, 7> caption_keys{"caption", "captions", "references", "refs",
                                                         "description", "descriptions", "hyp"};

/// An id on one line of an error: control characters escaped, not longer than needed to find it.
inline std::string shown_id(const std::string& id) {
    const std::string text = io::dump(io::Json(id));
    return text.size() > 82 ? text.substr(1, 77) + "..." : text.substr(1, text.size() - 2);
}

inline std::string caption_id(const io::Json& value, std::string_view where) {
    if (const auto* text = value.get_ptr<const io::Json::string_t*>()) return *text;
    if (!value.is_number_integer())
        fail<io::FormatError>(where, ": an id should be text or an integer; got ", io::detail::shown(value));
    return value.dump();
}

/// A caption, a list of captions, or a list of objects with a caption.
inline void add_captions(const io::Json& value, std::string_view where, std::vector<std::string>& captions) {
    if (const auto* text = value.get_ptr<const io::Json::string_t*>()) return captions.push_back(*text);
    if (!value.is_array())
        fail<io::FormatError>(where, ": captions should be text or a list of texts; got ", io::detail::shown(value));
    for (const io::Json& one : value) {
        if (one.is_object()) captions.push_back(io::field<std::string>(one, "caption", where));
        else if (const auto* text = one.get_ptr<const io::Json::string_t*>()) captions.push_back(*text);
        else fail<io::FormatError>(where, ": a caption should be text; got ", io::detail::shown(one));
    }
}

/// {"image_id": ..., "caption": ...} under any of the usual names; a list of descriptions goes before a single one.
inline void add_record(const io::Json& line, std::string_view where, CaptionFile& file) {
    if (!line.is_object())
        fail<io::FormatError>(where, ": expected an object with an id and a caption; got ", io::detail::shown(line));
    const io::Json* captions = nullptr;
    for (const char* key : caption_keys)
        if (const auto at = line.find(key); at != line.end() && (!captions || at->is_array())) captions = &*at;
    for (const char* key : id_keys) {
        const auto at = line.find(key);
        if (at == line.end()) continue;
        if (!captions) fail<io::FormatError>(where, ": has no 'caption'");
        return add_captions(*captions, where, file[caption_id(*at, where)]);
    }
    fail<io::FormatError>(where, ": has no 'image_id' or 'id'");
}

inline void add_document(const io::Json& all, std::string_view path, CaptionFile& file) {
    const bool coco = all.is_object() && all.contains("annotations");
    if (coco && all.contains("images")) {
        if (!all["images"].is_array()) fail<io::FormatError>(path, ": 'images' should be a list");
        for (const io::Json& image : all["images"]) (void)file[caption_id(io::field<io::Json>(image, "id", path), path)];
    }
    if (coco || all.is_array()) {
        const io::Json& list = coco ? all["annotations"] : all;
        if (!list.is_array()) fail<io::FormatError>(path, ": 'annotations' should be a list");
        for (std::size_t i = 0; i < list.size(); ++i) add_record(list[i], join(path, ": record ", i + 1), file);
        return;
    }
    for (const auto& [id, captions] : all.get_ref<const io::Json::object_t&>())
        add_captions(captions, join(path, ": '", shown_id(id), "'"), file[id]);
}

/// Whether `bytes` are JSONL: the first line is an object by itself and more follows.
inline bool is_json_lines(std::string_view bytes) {
    const std::size_t start = bytes.find_first_not_of(" \t\r\n");
    if (start == std::string_view::npos || bytes[start] != '{') return false;
    const std::size_t end = std::min(bytes.find('\n', start), bytes.size());
    if (bytes.find_first_not_of(" \t\r\n", end) == std::string_view::npos) return false;
    return io::Json::accept(bytes.begin() + static_cast<std::ptrdiff_t>(start), bytes.begin() + static_cast<std::ptrdiff_t>(end));
}

/// Whether an object is one record rather than captions by id: JSONL of one line.
inline bool is_record(const io::Json& value) {
    return value.is_object() && !value.contains("annotations") && std::any_of(id_keys.begin(), id_keys.end(), [&](const char* key) {
        const auto at = value.find(key);
        return at != value.end() && !at->is_array();
    });
}

}  // namespace detail

/// The captions in `bytes`; `path` names them in errors. Throws io::FormatError.
[[nodiscard]] inline CaptionFile parse_captions(std::string_view bytes, const std::string& path) {
    CaptionFile file(path);
    if (!detail::is_json_lines(bytes)) {
        const io::Json all = io::parse_json(bytes, path);
        if (!all.is_structured())
            fail<io::FormatError>(path, ": expected a list or an object of captions; got ", io::detail::shown(all));
        if (detail::is_record(all)) detail::add_record(all, path, file);
        else detail::add_document(all, path, file);
        return file;
    }
    std::size_t number = 0;
    for (std::size_t start = 0; start < bytes.size();) {
        const std::size_t end = std::min(bytes.find('\n', start), bytes.size());
        const std::string_view line = bytes.substr(start, end - start);
        const std::string where = join(path, ":", ++number);
        if (line.find_first_not_of(" \t\r") != std::string_view::npos)
            detail::add_record(io::parse_json(line, where), where, file);
        start = end + 1;
    }
    return file;
}

/// As parse_captions, of a file, gzip or not.
[[nodiscard]] inline CaptionFile read_captions(const std::string& path) {
    return parse_captions(io::read_maybe_gzip(path), path);
}

/// What becomes of an id of the references that a system says nothing of.
enum class Missing { error, empty, skip };

/// Items to score, and what did not fit.
struct PairedCaptions {
    std::vector<CaptionItem> items;   ///< in the order of the references
    std::size_t missing = 0;          ///< ids without a hypothesis: scored as empty, or left out
    std::size_t unreferenced = 0;     ///< ids that the references name without a caption: left out
    std::size_t extra = 0;            ///< hypotheses for ids without references: left out
    std::size_t empty = 0;            ///< hypotheses without a word
};

/// Puts hypotheses beside references. Throws io::FormatError for two hypotheses of one id and, with Missing::error, for
/// any id that is on one side only.
[[nodiscard]] inline PairedCaptions pair_captions(const CaptionFile& references, const CaptionFile& hypotheses,
                                                  Missing missing = Missing::error) {
    PairedCaptions out;
    for (const CaptionEntry& one : hypotheses.entries()) {
        if (one.captions.size() > 1)
            fail<io::FormatError>(hypotheses.path(), ": has ", one.captions.size(), " captions for id '", detail::shown_id(one.id),
                                  "'; a system gives one");
        const CaptionEntry* wanted = references.find(one.id);
        if (wanted && !wanted->captions.empty()) continue;
        if (missing == Missing::error)
            fail<io::FormatError>(hypotheses.path(), ": id '", detail::shown_id(one.id), "' has no reference in ", references.path(),
                                  "; allow it with --missing skip");
        ++out.extra;
    }
    for (const CaptionEntry& one : references.entries()) {
        if (one.captions.empty()) {
            ++out.unreferenced;
            continue;
        }
        const CaptionEntry* said = hypotheses.find(one.id);
        const bool silent = !said || said->captions.empty();
        if (silent && missing == Missing::error)
            fail<io::FormatError>(hypotheses.path(), ": has no caption for id '", detail::shown_id(one.id), "' of ", references.path(),
                                  "; choose --missing empty or skip");
        out.missing += silent;
        if (silent && missing == Missing::skip) continue;
        out.items.push_back({one.id, silent ? std::string{} : said->captions[0], one.captions});
        out.empty += !silent && split_words(said->captions[0]).empty();
    }
    if (out.items.empty()) fail<io::FormatError>(references.path(), ": no id has both a reference and a hypothesis in ",
                              hypotheses.path());
    return out;
}

}  // namespace svad::metrics
