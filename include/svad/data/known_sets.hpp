// SPDX-License-Identifier: Apache-2.0
// The annotation files of public caption sets, as clips: MSR-VTT, MSVD, VATEX, YouCook2, COCO captions, Youku-mPLUG.
//
//   msr-vtt    {"videos": [{video_id, category, split, "start time", "end time"}], "sentences": [{video_id, caption}]}
//   msvd       lines "<video>_<start>_<end> sentence", or the table VideoID, Start, End, Language, Description
//   vatex      [{videoID, enCap: [...], chCap: [...]}]
//   youcook2   {"database": {"<video>": {subset, recipe_type, annotations: [{segment: [start, end], sentence}]}}}
//   coco       {"images": [{id, file_name}], "annotations": [{image_id, caption}]}
//   youku      table of "<column>:FILE", caption (or golden_caption, title) and, if it likes, label
//   lines      an object a line: {video, text or texts} and, if it likes, id, start, end, category, source
// Clips are named as the set's distribution names the files; MSR-VTT, MSVD and VATEX distribute clips that are cut
// already, so that only YouCook2 gives parts of videos.
//
// Promise: every annotation becomes a description of a clip or is counted with its reason; clips come sorted by id, so
// the order of the file changes nothing. A file that is no such set is an io::FormatError that says what is missing.
#pragma once

#include "svad/core/dtype.hpp"
#include "svad/io/csv.hpp"
#include "svad/io/json.hpp"
#include "svad/text/words.hpp"

#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace svad::data {

enum class KnownSet { msr_vtt, msvd, vatex, youcook2, coco, youku, lines };

/// What KnownSet is called on the command line, in the order of its values.
inline constexpr std::array<std::string_view, 7> known_set_names{"msr-vtt", "msvd", "vatex", "youcook2", "coco", "youku", "lines"};

/// One clip of a set and everything the file says about it.
struct SetClip {
    std::string id;
    std::string file;                                       ///< name of the video, often without its ending
    std::optional<std::pair<double, double>> part;          ///< seconds of the file from its first frame; absent: all of it
    std::optional<double> seconds;                          ///< length, where the file says it
    std::vector<std::string> descriptions;
    std::string category, split, source;
};

/// A set, and how much of its file was left out and why.
struct ConvertedSet {
    std::vector<SetClip> clips;                             ///< sorted by id, each with at least one description
    std::uint64_t left_out = 0;                             ///< annotations that are not descriptions of a clip
    std::vector<std::string> problems;                      ///< one line each, for the first of them
};

namespace detail {

/// Clips by id while a file is read.
class SetBuilder {
public:
    explicit SetBuilder(std::string where) : where_{std::move(where)} {}

    SetClip& clip(const std::string& id) {
        SetClip& found = clips_[id];
        if (found.id.empty()) found.id = found.file = id;
        return found;
    }
    [[nodiscard]] SetClip* find(const std::string& id) {
        const auto at = clips_.find(id);
        return at == clips_.end() ? nullptr : &at->second;
    }
    /// Adds a description without blanks around it, or counts why not.
    void describe(SetClip& clip, std::string_view text) {
        const std::size_t first = text.find_first_not_of(" \t\r\n");
        if (first == std::string_view::npos) return leave_out(join("'", clip.id, "' has an empty description"));
        text = text.substr(first, text.find_last_not_of(" \t\r\n") + 1 - first);
        if (text::find_invalid_utf8(text) != std::string_view::npos)
            return leave_out(join("a description of '", clip.id, "' is not valid utf-8"));
        clip.descriptions.emplace_back(text);
    }
    void leave_out(std::string why) {
        constexpr std::size_t kept = 20;
        if (++out_.left_out <= kept) out_.problems.push_back(join(where_, ": ", why));
    }
    [[nodiscard]] const std::string& where() const { return where_; }

    ConvertedSet finish() {
        for (auto& [id, clip] : clips_) {
            if (clip.descriptions.empty()) leave_out(join("'", id, "' has no description"));
            else out_.clips.push_back(std::move(clip));
        }
        if (out_.clips.empty())
            fail<io::FormatError>(where_, ": no clip has a description", out_.problems.empty() ? "" : "; ",
                                  out_.problems.empty() ? "" : out_.problems[0]);
        return std::move(out_);
    }

private:
    std::string where_;
    std::map<std::string, SetClip> clips_;
    ConvertedSet out_;
};

/// The list document[key].
inline const io::Json& list_of(const io::Json& document, const char* key, const SetBuilder& set) {
    const auto list = document.is_object() ? document.find(key) : document.end();
    if (list == document.end() || !list->is_array())
        fail<io::FormatError>(set.where(), ": has no list '", key, "'; is it this set's annotation file?");
    return *list;
}

/// Calls each(entry) for the entries of `list`, leaving out those in which a field is missing or wrong.
template <class Each>
void for_each_entry(const io::Json& list, const char* name, SetBuilder& set, Each each) {
    for (std::size_t i = 0; i < list.size(); ++i) {
        try {
            each(list[i]);
        } catch (const io::FormatError& error) {
            set.leave_out(join(name, "[", i, "]: ", error.what()));
        }
    }
}

/// The set's own words for its splits, as ours.
inline std::string split_name(const std::string& name) {
    if (name == "training") return "train";
    return name == "validate" || name == "val" ? "validation" : name == "testing" ? "test" : name;
}

inline ConvertedSet read_msr_vtt(const io::Json& document, SetBuilder set) {
    constexpr std::array names{"music", "people", "gaming", "sports", "news", "education", "tv shows", "movie", "animation",
                               "vehicles", "howto", "travel", "science", "animals", "kids", "documentary", "food",
                               "cooking", "beauty", "advertisement"};
    for_each_entry(list_of(document, "videos", set), "video", set, [&](const io::Json& video) {
        SetClip& clip = set.clip(io::field<std::string>(video, "video_id", "video"));
        const auto category = io::find_field<std::int64_t>(video, "category", "video");
        if (category && *category >= 0 && *category < static_cast<std::int64_t>(names.size()))
            clip.category = names[static_cast<std::size_t>(*category)];
        clip.split = split_name(io::field_or<std::string>(video, "split", "", "video"));
        const double seconds = io::field_or<double>(video, "end time", 0, "video") - io::field_or<double>(video, "start time", 0, "video");
        if (seconds > 0) clip.seconds = seconds;
    });
    for_each_entry(list_of(document, "sentences", set), "sentence", set, [&](const io::Json& sentence) {
        const auto id = io::field<std::string>(sentence, "video_id", "sentence");
        SetClip* const clip = set.find(id);
        if (clip == nullptr) fail<io::FormatError>("video '", id, "' is not in the list of videos");
        set.describe(*clip, io::field<std::string>(sentence, "caption", "sentence"));
    });
    return set.finish();
}

inline ConvertedSet read_vatex(const io::Json& document, SetBuilder set, bool chinese) {
    const char* const key = chinese ? "chCap" : "enCap";
    if (!document.is_array()) fail<io::FormatError>(set.where(), ": should be a list of clips; is it VATEX's annotation file?");
    for_each_entry(document, "clip", set, [&](const io::Json& entry) {
        SetClip& clip = set.clip(io::field<std::string>(entry, "videoID", "clip"));
        clip.category = io::field_or<std::string>(entry, "category", "", "clip");
        for (const std::string& text : io::field<std::vector<std::string>>(entry, key, "clip")) set.describe(clip, text);
    });
    return set.finish();
}

inline ConvertedSet read_coco(const io::Json& document, SetBuilder set) {
    std::map<std::int64_t, std::string> names;
    for_each_entry(list_of(document, "images", set), "image", set, [&](const io::Json& image) {
        const auto number = io::field<std::int64_t>(image, "id", "image");
        set.clip(names[number] = io::field<std::string>(image, "file_name", "image"));
    });
    for_each_entry(list_of(document, "annotations", set), "annotation", set, [&](const io::Json& annotation) {
        const auto number = io::field<std::int64_t>(annotation, "image_id", "annotation");
        const auto image = names.find(number);
        if (image == names.end()) fail<io::FormatError>("image ", number, " is not in the list of images");
        set.describe(set.clip(image->second), io::field<std::string>(annotation, "caption", "annotation"));
    });
    return set.finish();
}

inline void read_youcook2_video(const std::string& video, const io::Json& entry, SetBuilder& set) {
    const auto recipe = entry.is_object() ? entry.find("recipe_type") : entry.end();
    int number = 0;
    for_each_entry(list_of(entry, "annotations", set), "annotation", set, [&](const io::Json& part) {
        const auto times = io::field<std::vector<double>>(part, "segment", "annotation");
        if (times.size() != 2 || !(times[0] >= 0 && times[1] > times[0] && std::isfinite(times[1])))
            fail<io::FormatError>("segment of '", video, "' should be [start, end] in seconds");
        std::string digits = std::to_string(number++);
        digits.insert(0, digits.size() < 3 ? 3 - digits.size() : 0, '0');
        SetClip& clip = set.clip(join(video, "#", digits));
        clip.file = video;
        clip.part = {times[0], times[1]};
        clip.seconds = times[1] - times[0];
        if (recipe != entry.end()) clip.category = recipe->is_string() ? recipe->get<std::string>() : io::dump(*recipe);
        clip.split = split_name(io::field_or<std::string>(entry, "subset", "", video));
        set.describe(clip, io::field<std::string>(part, "sentence", "annotation"));
    });
}

inline ConvertedSet read_youcook2(const io::Json& document, SetBuilder set) {
    const auto database = document.is_object() ? document.find("database") : document.end();
    if (database == document.end() || !database->is_object())
        fail<io::FormatError>(set.where(), ": has no object 'database'; is it YouCook2's annotation file?");
    for (const auto& [video, entry] : database->get_ref<const io::Json::object_t&>()) {
        try {
            read_youcook2_video(video, entry, set);
        } catch (const io::FormatError& error) {
            set.leave_out(error.what());
        }
    }
    return set.finish();
}

/// Where a table has its columns: the first of `names` that is there.
inline std::optional<std::size_t> column_of(const std::vector<std::string>& header, std::initializer_list<std::string_view> names) {
    for (const std::string_view name : names)
        for (std::size_t i = 0; i < header.size(); ++i)
            if (header[i] == name) return i;
    return std::nullopt;
}

/// Calls each(row) for the rows under the header, leaving out those of another width or without a needed field.
template <class Each>
void for_each_row(io::CsvReader& reader, std::size_t width, SetBuilder& set, Each each) {
    for (std::vector<std::string> row; reader.next(row);) {
        if (row.size() == width) each(row);
        else set.leave_out(join("line ", reader.line(), " has ", row.size(), " cells; the header has ", width));
    }
}

inline ConvertedSet read_msvd_table(std::string_view text, SetBuilder set, bool chinese) {
    io::CsvReader reader{text, set.where()};
    std::vector<std::string> header;
    (void)reader.next(header);
    const auto id = column_of(header, {"VideoID"}), start = column_of(header, {"Start"}), end = column_of(header, {"End"}),
               description = column_of(header, {"Description"}), language = column_of(header, {"Language"});
    if (!id || !start || !end || !description)
        fail<io::FormatError>(set.where(), ": the table lacks one of VideoID, Start, End, Description");
    const std::string_view wanted = chinese ? "Chinese" : "English";
    for_each_row(reader, header.size(), set, [&](const std::vector<std::string>& row) {
        if (language && row[*language] != wanted) return;   // the set holds many languages: a choice, not a loss
        set.describe(set.clip(join(row[*id], "_", row[*start], "_", row[*end])), row[*description]);
    });
    return set.finish();
}

inline ConvertedSet read_msvd(std::string_view text, SetBuilder set, bool chinese) {
    if (text.substr(0, text.find('\n')).find("VideoID") != std::string_view::npos)
        return read_msvd_table(text, std::move(set), chinese);
    if (chinese) fail<io::FormatError>(set.where(), ": this form of MSVD is English; give the table of all languages");
    for (std::size_t at = 0, line = 1; at < text.size(); ++line) {
        const std::size_t stop = std::min(text.find('\n', at), text.size());
        const std::string_view row = text.substr(at, stop - at);
        at = stop + 1;
        if (row.find_first_not_of(" \t\r") == std::string_view::npos || row.starts_with('#')) continue;
        const std::size_t blank = row.find(' ');
        if (blank == 0 || blank == std::string_view::npos) set.leave_out(join("line ", line, " should be a clip and a sentence"));
        else set.describe(set.clip(std::string(row.substr(0, blank))), row.substr(blank));
    }
    return set.finish();
}

inline ConvertedSet read_youku(std::string_view text, SetBuilder set) {
    io::CsvReader reader{text, set.where()};
    std::vector<std::string> header;
    (void)reader.next(header);
    std::optional<std::size_t> file;
    for (std::size_t i = 0; i < header.size() && !file; ++i)
        if (header[i].ends_with(":FILE")) file = i;
    const auto caption = column_of(header, {"caption", "golden_caption", "title"}), label = column_of(header, {"label"});
    if (!file || !caption)
        fail<io::FormatError>(set.where(), ": the table should have a column ending in ':FILE' and caption, golden_caption or title");
    for_each_row(reader, header.size(), set, [&](const std::vector<std::string>& row) {
        if (row[*file].empty()) return set.leave_out(join("line ", reader.line(), " names no file"));
        SetClip& clip = set.clip(row[*file]);
        if (label) clip.category = row[*label];
        set.describe(clip, row[*caption]);
    });
    return set.finish();
}

// Lines of our own making and of many a download. A range from 0 to 0 is how a picture says that it has none.
inline ConvertedSet read_lines(std::string_view text, SetBuilder set) {
    std::size_t number = 0;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t stop = std::min(text.find('\n', at), text.size());
        const std::string_view line = text.substr(at, stop - at);
        at = stop + 1, ++number;
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
        const std::string where = join("line ", number);
        try {
            const io::Json row = io::parse_json(line, where);
            const auto video = io::field<std::string>(row, "video", where);
            SetClip& clip = set.clip(io::field_or<std::string>(row, "id", video, where));
            clip.file = video;
            const double start = io::field_or<double>(row, "start", 0, where), end = io::field_or<double>(row, "end", 0, where);
            if (start != 0 || end != 0) clip.part = {start, end};
            clip.category = io::field_or<std::string>(row, "category", "", where);
            clip.source = io::field_or<std::string>(row, "source", "", where);
            if (row.contains("text")) set.describe(clip, io::field<std::string>(row, "text", where));
            for (const auto& more : io::field_or<std::vector<std::string>>(row, "texts", {}, where)) set.describe(clip, more);
        } catch (const io::FormatError& error) {
            set.leave_out(error.what());
        }
    }
    return set.finish();
}

}  // namespace detail

/// The clips of the annotation file `text` of `kind`; `where` (its path) starts every error. `chinese` takes the Chinese
/// descriptions of sets that have two languages. Throws io::FormatError.
[[nodiscard]] inline ConvertedSet read_known_set(KnownSet kind, std::string_view text, const std::string& where, bool chinese = false) {
    detail::SetBuilder set{where};
    if (kind == KnownSet::msvd) return detail::read_msvd(text, std::move(set), chinese);
    if (kind == KnownSet::youku) return detail::read_youku(text, std::move(set));
    if (kind == KnownSet::lines) return detail::read_lines(text, std::move(set));
    const io::Json document = io::parse_json(text, where, {.max_bytes = std::uint64_t{1} << 30});
    if (kind == KnownSet::msr_vtt) return detail::read_msr_vtt(document, std::move(set));
    if (kind == KnownSet::vatex) return detail::read_vatex(document, std::move(set), chinese);
    if (kind == KnownSet::youcook2) return detail::read_youcook2(document, std::move(set));
    return detail::read_coco(document, std::move(set));
}

/// The clip as a line of our manifests; `video` is where its file lies.
[[nodiscard]] inline io::Json manifest_line(const SetClip& clip, const std::string& video, bool primary) {
    io::Json line = io::object({{"id", clip.id}, {"video", video}, {"branch", primary ? "primary" : "auxiliary"}});
    if (clip.part) {
        line["start"] = clip.part->first;
        line["end"] = clip.part->second;
    }
    if (clip.seconds) line["seconds"] = *clip.seconds;
    if (!clip.category.empty()) line["category"] = clip.category;
    if (!clip.split.empty()) line["split"] = clip.split;
    if (!clip.source.empty()) line["source"] = clip.source;
    line["descriptions"] = clip.descriptions;
    return line;
}

}  // namespace svad::data
