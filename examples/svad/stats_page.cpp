// SPDX-License-Identifier: Apache-2.0
// svad stats, the page: tables 1 to 3 and figures 2 to 4 of the paper for the sets that were read, each figure with the
// numbers behind it as a table. What a figure leaves out (long tails, small categories) stands below it.
#include "stats.hpp"

#include "chart.hpp"

#include <map>

namespace tool {

namespace {

using namespace svad;

/// Histograms of several sets in common bins of `width`, in percent; what lies beyond the last bin is in `beyond`.
struct Binned {
    std::uint64_t first = 0, width = 1;
    std::vector<Bars> shares;
    std::vector<double> beyond;

    [[nodiscard]] std::string label(std::size_t bin) const {
        const std::uint64_t low = first + bin * width;
        return width == 1 ? std::to_string(low) : join(low, "–", low + width - 1);
    }
    [[nodiscard]] double middle(std::size_t bin) const {
        return static_cast<double>(first + bin * width) + (static_cast<double>(width) - 1) / 2;
    }
    [[nodiscard]] std::size_t bins() const { return shares.empty() ? 0 : shares[0].values.size(); }
};

struct NamedHistogram {
    std::string name;
    const data::Histogram* histogram;
    std::size_t hue;
};

/// The value that all but a two-hundredth of `h` do not exceed.
std::uint64_t nearly_all(const data::Histogram& h) {
    const std::uint64_t total = h.total();
    std::uint64_t seen = 0;
    for (const auto& [value, count] : h.counts)
        if ((seen += count) * 200 >= total * 199) return value;
    return 0;
}

Binned binned(const std::vector<NamedHistogram>& all, std::uint64_t first, std::uint64_t most_bins) {
    std::uint64_t last = first;
    for (const NamedHistogram& h : all) last = std::max(last, nearly_all(*h.histogram));
    Binned out;
    out.first = first;
    const double step = chart::nice_step(static_cast<double>(last - first + 1), static_cast<double>(most_bins));
    out.width = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(step + 0.5));
    const std::size_t bins = (last - first) / out.width + 1;
    for (const NamedHistogram& h : all) {
        Bars shares{h.name, std::vector<double>(bins, 0.0), h.hue};
        double beyond = 0;
        const double unit = 100.0 / static_cast<double>(h.histogram->total());
        for (const auto& [value, count] : h.histogram->counts) {
            const std::uint64_t bin = value < first ? 0 : (value - first) / out.width;
            (bin < bins ? shares.values[bin] : beyond) += static_cast<double>(count) * unit;
        }
        out.shares.push_back(std::move(shares));
        out.beyond.push_back(beyond);
    }
    return out;
}

std::string percent(double share) { return share > 0 && share < 0.05 ? "<0.1 %" : number(share, 1) + " %"; }

/// A chart with a heading, a note on what it leaves out, and its numbers.
std::string figure(const std::string& heading, const std::string& svg, const std::string& note, const TextTable& numbers) {
    return "<figure><h3>" + html_escaped(heading) + "</h3>" + svg + "<p class=r>" + html_escaped(note) + "</p>" +
           "<details><summary>The numbers</summary>" + table(numbers) + "</details></figure>";
}

/// A figure of histograms: curves for many bins of several sets, else bars.
std::string histogram_figure(const std::string& id, const std::string& heading, const std::string& what,
                             const std::vector<NamedHistogram>& all, std::uint64_t first, std::uint64_t most_bins) {
    const Binned b = binned(all, first, most_bins);
    TextTable numbers{{what}, {}};
    std::vector<std::string> labels;
    std::string note, mean;
    for (std::size_t k = 0; k < all.size(); ++k) {
        numbers.columns.push_back(all[k].name);
        mean += join(k ? "; " : "", all[k].name, " ", number(all[k].histogram->mean(), 2));
        if (b.beyond[k] > 0) note += join(note.empty() ? "" : ", ", percent(b.beyond[k]), " of ", all[k].name);
    }
    if (!note.empty()) note = join("Beyond the right edge: ", note, ". ");
    for (std::size_t i = 0; i < b.bins(); ++i) {
        labels.push_back(b.label(i));
        numbers.rows.push_back({labels.back()});
        for (const Bars& s : b.shares) numbers.rows.back().push_back(percent(s.values[i]));
    }
    const std::string steps = b.width > 1 ? join(what, ", in steps of ", b.width) : what;
    const ChartText text{id, heading, heading + ", percent of the annotations. Means: " + mean + ".", steps, "% of annotations"};
    std::string svg;
    if (all.size() > 1 && b.bins() > 16) {
        std::vector<Curve> curves;
        for (const Bars& s : b.shares) {
            curves.push_back({s.name, {}, s.hue});
            for (std::size_t i = 0; i < b.bins(); ++i) curves.back().points.emplace_back(b.middle(i), s.values[i]);
        }
        svg = curve_chart(text, curves, true);
    } else {
        svg = bar_chart(text, labels, b.shares, " %");
    }
    return figure(heading, svg, note + "Mean: " + mean + ".", numbers);
}

std::string sizes_section(const std::vector<AnnotatedSet>& sets) {
    TextTable t{{"data set", "videos", "annotations", "seconds a video", "words an annotation", "words a second"}, {}};
    for (const AnnotatedSet& set : sets) {
        const data::Statistics& s = set.statistics;
        const std::string mark = s.timed_annotations > 0 && s.timed_annotations < s.annotations ? "*" : "";
        t.rows.push_back({set.name, grouped(s.videos), grouped(s.annotations), number(s.mean_video_seconds, 1) + mark,
                          number(s.lengths.mean(), 2), number(s.words_per_second, 3) + mark});
    }
    return "<section><h2>Sizes</h2>" + table(t) + "<p class=r>Words a second is the mean over annotations of words divided by the "
           "seconds of the clip. * Over the annotations whose seconds are known.</p></section>";
}

std::string splits_section(const std::vector<AnnotatedSet>& sets) {
    TextTable t{{"data set and split", "videos", "annotations", "words", "hours"}, {}};
    for (const AnnotatedSet& set : sets)
        for (const data::Part& p : set.statistics.splits)
            t.rows.push_back({set.name + ", " + chart::shortened(p.name, 300), grouped(p.videos), grouped(p.annotations),
                              grouped(p.words), p.seconds > 0 ? number(p.seconds / 3600, 2) : "–"});
    if (t.rows.empty()) return "";
    return "<section><h2>Splits</h2>" + table(t) + "</section>";
}

std::string lengths_section(const std::vector<AnnotatedSet>& sets) {
    std::vector<NamedHistogram> lengths;
    std::map<std::string, std::vector<NamedHistogram>> unique;
    for (std::size_t k = 0; k < sets.size(); ++k) {
        lengths.push_back({sets[k].name, &sets[k].statistics.lengths, k});
        if (sets[k].statistics.tagged_words == 0) continue;
        for (const data::GroupCount& g : sets[k].statistics.groups) unique[g.group.name].push_back({sets[k].name, &g.unique, k});
    }
    std::string out = "<section><h2>Length of the annotations</h2>" +
                      histogram_figure("lengths", "Words per annotation", "words in an annotation", lengths, 1,
                                       sets.size() > 1 ? 110 : 40);
    for (const std::string kind : {"verb", "noun"})
        if (!unique[kind].empty())
            out += histogram_figure(kind + "s", "Unique " + kind + "s per annotation", "different " + kind + "s in an annotation",
                                    unique[kind], 0, 20);
    return out + "</section>";
}

std::string categories_section(const std::vector<AnnotatedSet>& sets) {
    constexpr std::size_t drawn = 24;
    std::string out;
    for (std::size_t k = 0; k < sets.size(); ++k) {
        const auto& parts = sets[k].statistics.categories;
        if (parts.empty()) continue;
        std::uint64_t videos = 0, rest = 0;
        for (const data::Part& p : parts) videos += p.videos;
        const auto share = [&](std::uint64_t n) { return 100.0 * static_cast<double>(n) / static_cast<double>(videos); };
        std::vector<std::pair<std::string, double>> rows;
        TextTable numbers{{"category", "videos", "annotations"}, {}};
        for (std::size_t i = 0; i < parts.size(); ++i) {
            if (i >= drawn) {
                rest += parts[i].videos;
                continue;
            }
            rows.emplace_back(parts[i].name, share(parts[i].videos));
            const std::string name = chart::shortened(parts[i].name, 400);
            numbers.rows.push_back({name, grouped(parts[i].videos), grouped(parts[i].annotations)});
        }
        if (rest > 0) rows.emplace_back(join(parts.size() - drawn, " others"), share(rest));
        const std::string heading = "Categories of " + sets[k].name;
        const ChartText text{join("categories-", k), heading, "Part of the videos in each category, in percent.", "", ""};
        out += figure(heading, ranked_chart(text, rows, k, " %"), "Part of the videos in each category.", numbers);
    }
    return out.empty() ? "" : "<section><h2>Categories</h2>" + out + "</section>";
}

/// The curve up to `limit`, its end between two points where it must be.
Curve cut_at(const Curve& curve, double limit) {
    Curve out{curve.name, {}, curve.hue};
    for (std::size_t i = 0; i < curve.points.size(); ++i) {
        const auto [x, y] = curve.points[i];
        if (x > limit) {
            const auto [before, low] = curve.points[i - 1];                        // there is one: the first point is 0
            out.points.emplace_back(limit, low + (y - low) * (limit - before) / (x - before));
            break;
        }
        out.points.emplace_back(x, y);
    }
    return out;
}

TextTable curve_numbers(const std::vector<AnnotatedSet>& sets) {
    TextTable numbers{{"part of the set"}, {}};
    for (std::size_t k = 1; k <= curve_points; ++k) numbers.rows.push_back({join(100 * k / curve_points, " %")});
    for (const AnnotatedSet& set : sets) {
        numbers.columns.insert(numbers.columns.end(), {set.name + ": annotations", "4-gram types"});
        const auto told = set.curve();
        const std::size_t missing = curve_points - told.size();                    // of a set of less than 20
        for (std::size_t k = 0; k < curve_points; ++k) {
            const bool there = k >= missing;
            numbers.rows[k].push_back(there ? grouped(told[k - missing].annotations) : "–");
            numbers.rows[k].push_back(there ? grouped(told[k - missing].types[3]) : "–");
        }
    }
    return numbers;
}

std::string curve_section(const std::vector<AnnotatedSet>& sets) {
    std::vector<Curve> curves;
    std::string ends;
    std::uint64_t least = sets[0].statistics.annotations, most = 0;
    for (std::size_t k = 0; k < sets.size(); ++k) {
        const data::Statistics& s = sets[k].statistics;
        curves.push_back({sets[k].name, {{0, 0}}, k});
        for (const data::CurvePoint& p : s.curve)
            curves.back().points.emplace_back(static_cast<double>(p.annotations), static_cast<double>(p.types[3]));
        ends += join(k ? "; " : "", sets[k].name, " ", grouped(s.ngrams[3].types), " in ", grouped(s.annotations));
        least = std::min(least, s.annotations), most = std::max(most, s.annotations);
    }
    const std::string heading = "Type-annotation curve of 4-grams";
    ChartText text{"curve", heading, "Distinct 4-grams among the first annotations of each set. At the end: " + ends + ".",
                   "annotations, in the order of the file", "distinct 4-grams"};
    std::string out = figure(heading, curve_chart(text, curves), "At the end: " + ends + ".", curve_numbers(sets));
    if (most >= 3 * least) {
        for (Curve& c : curves) c = cut_at(c, static_cast<double>(least));
        text.id = "curve-start";
        text.title = join("The same, up to the size of the smallest set: ", grouped(least), " annotations");
        text.description = "At this end, about: ";
        for (const Curve& c : curves)
            text.description += join(&c == curves.data() ? "" : "; ", c.name, " ", grouped(static_cast<std::uint64_t>(std::llround(c.points.back().second))));
        out += "<figure><h3>" + html_escaped(text.title) + "</h3>" + curve_chart(text, curves) + "<p class=r>" +
               html_escaped(text.description) + ".</p></figure>";
    }
    return "<section><h2>Variety</h2>" + out + "</section>";
}

std::string language_section(const std::vector<AnnotatedSet>& sets) {
    TextTable t{{"data set", "adverb %", "verb %", "noun %", "adjective %", "1-grams", "2-grams", "3-grams", "4-grams"}, {}};
    for (const AnnotatedSet& set : sets) {
        t.rows.push_back({set.name});
        const data::Statistics& s = set.statistics;
        for (const data::GroupCount& g : s.groups) t.rows.back().push_back(number(s.percent(g.words), 1));
        for (std::size_t n = 1; n <= 4; ++n) t.rows.back().push_back(number(s.unique_ngrams(n), 2));
    }
    return "<section><h2>Parts of speech and unique n-grams</h2>" + table(t) +
           "<p class=r>Parts of speech in percent of all words; distinct n-grams of the whole set divided by its annotations. "
           "Small sets have more of them per annotation, so compare sets of like size, or by the curve.</p></section>";
}

std::string remarks_section(const std::vector<AnnotatedSet>& sets) {
    std::string out = "<section><h2>How it was counted</h2><ul>";
    for (const AnnotatedSet& set : sets) {
        std::string told;
        for (const std::string& remark : remarks(set)) told += join(told.empty() ? "" : "; ", chart::shortened(remark, 4000));
        out += "<li><b>" + html_escaped(set.name) + "</b>: " + html_escaped(told) + ".</li>";
    }
    return out + "</ul></section>";
}

}  // namespace

std::string stats_page(const std::vector<AnnotatedSet>& sets) {
    std::uint64_t annotations = 0;
    for (const AnnotatedSet& set : sets) annotations += set.statistics.annotations;
    const std::string title = join("Statistics of ", sets.size() == 1 ? sets[0].name : join(sets.size(), " annotated sets"));
    std::string out = page_head(title, "figure{margin:1.4rem 0 2rem}figure h3{font-size:1rem;color:var(--ink)}"
                                       "summary{cursor:pointer;color:var(--soft);font-size:.9rem}details table{font-size:.85rem}"
                                       "details .wide{max-height:24rem;overflow:auto}li{margin:.35rem 0}");
    out += "<p>" + join(grouped(annotations), " annotations. Counts are exact; every figure has its numbers below it.") + "</p>";
    out += sizes_section(sets) + splits_section(sets) + lengths_section(sets) + categories_section(sets) + curve_section(sets) +
           language_section(sets) + remarks_section(sets);
    return out + "</html>\n";
}

}  // namespace tool
