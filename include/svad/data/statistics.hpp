// SPDX-License-Identifier: Apache-2.0
// Statistics of an annotated set (paper section 3.4): lengths, words per second, unique verbs and nouns, categories,
// parts of speech, distinct n-grams and how they grow with the annotations (tables 1 to 3, figures 2 to 4).
//
// One pass: add() every annotation in the order of the file, then finish(). Counts are exact. Memory grows with the
// words of the set (see ngram_types.hpp), never with a single annotation.
//   words per second   mean over annotations of words / seconds, not a ratio of sums (that is kept beside it)
//   unique n-grams     types of the whole set / annotations; curve: at x = N k / 20 annotations, the types so far
// Rejected: cutting texts into words in here; what a word is differs by language and by paper, so the caller says it.
#pragma once

#include "svad/data/ngram_types.hpp"

#include <cmath>
#include <limits>
#include <map>
#include <tuple>

namespace svad::data {

/// How often each whole number occurred.
struct Histogram {
    std::map<std::uint64_t, std::uint64_t> counts;

    void add(std::uint64_t value) { ++counts[value]; }

    [[nodiscard]] std::uint64_t total() const {
        std::uint64_t n = 0;
        for (const auto& [value, count] : counts) n += count;
        return n;
    }
    [[nodiscard]] std::uint64_t sum() const {
        std::uint64_t s = 0;
        for (const auto& [value, count] : counts) s += value * count;
        return s;
    }
    /// Sum / total; NaN if nothing was counted.
    [[nodiscard]] double mean() const { return static_cast<double>(sum()) / static_cast<double>(total()); }
    /// The standard deviation of the population (divided by n).
    [[nodiscard]] double deviation() const {
        const double middle = mean();
        double squares = 0;
        for (const auto& [value, count] : counts)
            squares += static_cast<double>(count) * (static_cast<double>(value) - middle) * (static_cast<double>(value) - middle);
        return std::sqrt(squares / static_cast<double>(total()));
    }
    [[nodiscard]] std::uint64_t min() const { return counts.empty() ? 0 : counts.begin()->first; }
    [[nodiscard]] std::uint64_t max() const { return counts.empty() ? 0 : counts.rbegin()->first; }
};

/// Tags that count as one part of speech: {"noun", {"NOUN", "PROPN"}}.
struct TagGroup {
    std::string name;
    std::vector<std::string> tags;
};

/// The groups of table 3 and figure 2 in universal tags (text/upos.hpp).
[[nodiscard]] inline std::vector<TagGroup> upos_groups() {
    return {{"adverb", {"ADV"}}, {"verb", {"VERB"}}, {"noun", {"NOUN", "PROPN"}}, {"adjective", {"ADJ"}}};
}

/// The same in the tags of THULAC, which the paper's Chinese figures agree with.
[[nodiscard]] inline std::vector<TagGroup> thulac_groups() {
    return {{"adverb", {"d"}}, {"verb", {"v"}}, {"noun", {"n", "np", "ns", "ni", "nz"}}, {"adjective", {"a"}}};
}

/// One annotation of one video, as the statistics read it. Nothing is kept of it.
struct Annotation {
    std::string_view video;
    double seconds = std::numeric_limits<double>::quiet_NaN();   ///< of the video; NaN: not known
    std::span<const std::string_view> words;
    std::span<const std::string_view> tags = {};                 ///< one a word, or none
    std::string_view category = {}, split = {};                  ///< empty: not known
};

struct StatisticsOptions {
    std::vector<TagGroup> groups = upos_groups();   ///< at most 64
    std::size_t curve_points = 20;
};

/// A part of the set: a category or a split.
struct Part {
    std::string name;
    std::uint64_t videos = 0, annotations = 0, words = 0;
    double seconds = 0;                             ///< of its videos, as far as known
};

/// A tag and how many words have it.
struct TagCount {
    std::string tag;
    std::uint64_t words = 0;
};

/// One group of tags: its share of all tagged words, and how many different words of it an annotation has.
struct GroupCount {
    TagGroup group;
    std::uint64_t words = 0;
    Histogram unique;                               ///< over tagged annotations
};

/// Types of n = 1..4 (at [n - 1]) among the first `annotations`.
struct CurvePoint {
    std::uint64_t annotations = 0;
    std::array<std::uint64_t, NgramTypes::longest> types{};
};

/// What finish() gives.
struct Statistics {
    std::uint64_t annotations = 0, videos = 0, words = 0;
    Histogram lengths;                              ///< words per annotation

    std::uint64_t timed_annotations = 0, timed_videos = 0;
    std::uint64_t conflicting_seconds = 0;          ///< annotations that give their video another length than the first did
    double video_seconds = 0;                       ///< sum over timed videos
    double mean_video_seconds = 0;                  ///< NaN if none is timed, as the next two
    double words_per_second = 0;                    ///< mean over timed annotations of words / seconds
    double words_per_second_of_sums = 0;            ///< their words / their seconds

    std::array<NgramCounts, NgramTypes::longest> ngrams{};   ///< at [n - 1]
    std::vector<CurvePoint> curve;

    std::uint64_t tagged_annotations = 0, tagged_words = 0;
    std::vector<TagCount> tags;                     ///< most frequent first
    std::vector<GroupCount> groups;
    std::vector<Part> categories, splits;           ///< most videos first; in order of appearance

    /// Types of length n / annotations, table 3.
    [[nodiscard]] double unique_ngrams(std::size_t n) const {
        return static_cast<double>(ngrams[n - 1].types) / static_cast<double>(annotations);
    }
    /// Part of all tagged words, in percent.
    [[nodiscard]] double percent(std::uint64_t tagged) const {
        return 100.0 * static_cast<double>(tagged) / static_cast<double>(tagged_words);
    }
};

namespace detail {

/// Sizes of the parts of a set.
class PartCounter {
public:
    void add(std::string_view name, std::uint32_t video, std::uint64_t words, double seconds) {
        if (name.empty()) return;
        const std::uint32_t id = ids_(name);
        if (id == parts_.size()) parts_.push_back({std::string(name)});
        Part& part = parts_[id];
        PairIds::Entry& seen = videos_(id, video);
        part.videos += seen.mark == 0;
        if (seen.mark < 2 && seconds > 0) part.seconds += seconds;
        seen.mark = std::max(seen.mark, seconds > 0 ? 2u : 1u);   // 2: its seconds are counted
        ++part.annotations;
        part.words += words;
    }
    [[nodiscard]] const std::vector<Part>& parts() const { return parts_; }

private:
    WordIds ids_;
    PairIds videos_;
    std::vector<Part> parts_;
};

/// Tags and the different words of each group, annotation by annotation.
class TagCounter {
public:
    explicit TagCounter(std::vector<TagGroup> groups) {
        if (groups.size() > 64) fail<UsageError>("statistics: at most 64 groups of tags; got ", groups.size());
        for (TagGroup& g : groups) groups_.push_back({std::move(g), 0, {}});
        last_.resize(groups_.size());
    }

    void add(std::span<const std::uint32_t> words, std::span<const std::string_view> tags) {
        if (tags.empty()) return;
        ++annotations_;
        unique_.assign(groups_.size(), 0);
        for (std::size_t i = 0; i < tags.size(); ++i) {
            const std::uint32_t tag = ids_(tags[i]);
            if (tag == words_.size()) enter(tags[i]);
            ++words_[tag];
            for (std::size_t g = 0; g < groups_.size(); ++g)
                if (members_[tag] >> g & 1) count(g, words[i]);
        }
        for (std::size_t g = 0; g < groups_.size(); ++g) groups_[g].unique.add(unique_[g]);
    }

    void finish(Statistics& out) const {
        out.tagged_annotations = annotations_;
        out.groups = groups_;
        for (std::uint32_t id = 0; id < words_.size(); ++id) {
            out.tags.push_back({std::string(ids_[id]), words_[id]});
            out.tagged_words += words_[id];
        }
        std::sort(out.tags.begin(), out.tags.end(), [](const TagCount& a, const TagCount& b) {
            return a.words != b.words ? a.words > b.words : a.tag < b.tag;
        });
    }

private:
    void enter(std::string_view tag) {
        std::uint64_t groups = 0;
        for (std::size_t g = 0; g < groups_.size(); ++g)
            for (const std::string& member : groups_[g].group.tags)
                if (member == tag) groups |= std::uint64_t{1} << g;
        members_.push_back(groups);
        words_.push_back(0);
    }

    void count(std::size_t g, std::uint32_t word) {
        ++groups_[g].words;
        auto& last = last_[g];
        if (word >= last.size()) last.resize(std::max<std::size_t>(word + 1, last.size() + last.size() / 2));
        unique_[g] += last[word] != annotations_;
        last[word] = annotations_;
    }

    WordIds ids_;
    std::vector<std::uint64_t> members_, words_, unique_;   // by tag: its groups as bits, its words; by group: unique here
    std::vector<GroupCount> groups_;
    std::vector<std::vector<std::uint32_t>> last_;          // by group and word: the last annotation that had it
    std::uint32_t annotations_ = 0;
};

}  // namespace detail

/// The pass over a set.
class StatisticsPass {
public:
    explicit StatisticsPass(StatisticsOptions options = {})
        : curve_points_(options.curve_points), tags_(std::move(options.groups)) {}

    /// Counts one annotation. Throws UsageError if its seconds are not positive and finite (or NaN, for not known) or
    /// its tags are not one a word.
    void add(const Annotation& a) {
        if (!std::isnan(a.seconds) && !(a.seconds > 0 && std::isfinite(a.seconds)))
            fail<UsageError>("statistics: the seconds of '", a.video, "' must be positive; got ", a.seconds);
        if (!a.tags.empty() && a.tags.size() != a.words.size())
            fail<UsageError>("statistics: an annotation of '", a.video, "' has ", a.words.size(), " words and ", a.tags.size(),
                             " tags");
        ids_.clear();
        for (const std::string_view word : a.words) ids_.push_back(vocabulary_(word));
        ngrams_.add(ids_);
        std::array<std::uint64_t, NgramTypes::longest> types{};
        for (std::size_t n = 0; n < types.size(); ++n) types[n] = ngrams_.counts()[n].types;
        types_.push_back(types);
        tags_.add(ids_, a.tags);
        const std::uint32_t video = time(a);
        sums_.lengths.add(a.words.size());
        sums_.words += a.words.size();
        categories_.add(a.category, video, a.words.size(), a.seconds);
        splits_.add(a.split, video, a.words.size(), a.seconds);
    }

    /// The statistics of everything added so far.
    [[nodiscard]] Statistics finish() const {
        Statistics out = sums_;
        out.annotations = types_.size();
        out.videos = videos_.size();
        out.ngrams = ngrams_.counts();
        out.mean_video_seconds = out.video_seconds / static_cast<double>(out.timed_videos);
        out.words_per_second = ratios_ / static_cast<double>(out.timed_annotations);
        out.words_per_second_of_sums = timed_words_ / timed_seconds_;
        for (std::size_t k = 1; k <= curve_points_ && !types_.empty(); ++k) {
            const std::size_t x = types_.size() * k / curve_points_;
            if (x > 0) out.curve.push_back({x, types_[x - 1]});
        }
        tags_.finish(out);
        out.categories = categories_.parts();
        std::stable_sort(out.categories.begin(), out.categories.end(),
                         [](const Part& a, const Part& b) { return std::tie(b.videos, b.annotations) < std::tie(a.videos, a.annotations); });
        out.splits = splits_.parts();
        return out;
    }

private:
    /// Counts the time of an annotation; the number of its video.
    std::uint32_t time(const Annotation& a) {
        const std::uint32_t video = videos_(a.video);
        if (video == seconds_.size()) seconds_.push_back(0);
        if (std::isnan(a.seconds)) return video;
        double& known = seconds_[video];
        if (known == 0) {
            known = a.seconds;
            ++sums_.timed_videos;
            sums_.video_seconds += a.seconds;
        }
        sums_.conflicting_seconds += known != a.seconds;
        ++sums_.timed_annotations;
        const auto words = static_cast<double>(a.words.size());
        ratios_ += words / a.seconds;
        timed_words_ += words;
        timed_seconds_ += a.seconds;
        return video;
    }

    std::size_t curve_points_;
    WordIds vocabulary_, videos_;
    NgramTypes ngrams_;
    detail::TagCounter tags_;
    detail::PartCounter categories_, splits_;
    std::vector<std::array<std::uint64_t, NgramTypes::longest>> types_;   // after each annotation
    std::vector<double> seconds_;                                          // by video; 0: not known
    std::vector<std::uint32_t> ids_;                                       // of the annotation at hand
    double ratios_ = 0, timed_words_ = 0, timed_seconds_ = 0;
    Statistics sums_;
};

}  // namespace svad::data
