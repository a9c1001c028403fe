// SPDX-License-Identifier: Apache-2.0
// Charts as SVG text: curves, grouped bars, ranked bars. Functions from values to an <svg> element that has a title and
// a description for those who cannot see it, a legend, and colours from the page's style sheet (page.hpp).
// Rejected: a plotting library, or one in the reader's browser: a page must open without a network, as long as HTML does.
#pragma once

#include "page.hpp"

#include <algorithm>
#include <utility>

namespace tool {

/// `hue` is the series' colour: the same series has the same in all charts of a page.
struct Curve {
    std::string name;
    std::vector<std::pair<double, double>> points;
    std::size_t hue = 0;
};

/// One value a label.
struct Bars {
    std::string name;
    std::vector<double> values;
    std::size_t hue = 0;
};

/// What a chart says in words. `id` is unique on its page.
struct ChartText {
    std::string id, title, description, x_label, y_label;
};

namespace chart {

/// About how wide `text` comes out at 12 px: wide characters count double.
inline double width_of(std::string_view text) {
    double width = 0;
    for (std::size_t i = 0; i < text.size();) {
        const auto c = svad::text::next_code_point(text, i);
        width += c.value >= 0x1100 ? 12.5 : 6.7;
        i += c.length;
    }
    return width;
}

/// The start of `text`, at most `most` px wide.
inline std::string shortened(std::string_view text, double most) {
    std::size_t fits = 0;
    double width = 0;
    for (std::size_t i = 0; i < text.size();) {
        const auto c = svad::text::next_code_point(text, i);
        width += c.value >= 0x1100 ? 12.5 : 6.7;
        if (width > most) return std::string(text.substr(0, fits)) + "…";
        i += c.length;
        if (width <= most - 12) fits = i;
    }
    return std::string(text);
}

/// A step of 1, 2 or 5 times a power of ten that cuts `range` into at most `most` parts.
inline double nice_step(double range, double most) {
    const double raw = std::max(range, 1e-12) / most, power = std::pow(10.0, std::floor(std::log10(raw)));
    for (const double k : {1.0, 2.0, 5.0})
        if (k * power >= raw * (1 - 1e-9)) return k * power;
    return 10 * power;
}

/// 20000 as "20k": a tick of an axis whose steps are `step`.
inline std::string tick(double value, double step) {
    for (const auto& [unit, name] : {std::pair{1e9, "G"}, std::pair{1e6, "M"}, std::pair{1e3, "k"}})
        if (value >= unit && step >= unit / 1000 && value / unit < 1e6)
            return number(value / unit, step / unit >= 0.9999 ? 0 : step / unit >= 0.0999 ? 1 : 2) + name;
    return number(value, step >= 0.9999 ? 0 : step >= 0.0999 ? 1 : 2);
}

inline std::string color(std::size_t k) { return "var(--c" + std::to_string(k % 8) + ")"; }

inline std::string fill(std::size_t hue) { return " style='fill:" + color(hue) + "'"; }

inline std::string attribute(const char* name, double value) { return std::string(" ") + name + "='" + number(value, 1) + "'"; }

inline std::string label(double x, double y, const std::string& text, const char* more = "") {
    return "<text" + attribute("x", x) + attribute("y", y) + " " + more + ">" + html_escaped(text) + "</text>";
}

/// The <svg> tag with what screen readers say of it.
inline std::string opening(const ChartText& text, double height) {
    return "<svg viewBox='0 0 760 " + number(height, 0) + "' role=img aria-labelledby='" + text.id + "-t " + text.id + "-d'>" +
           "<title id='" + text.id + "-t'>" + html_escaped(text.title) + "</title>" +
           "<desc id='" + text.id + "-d'>" + html_escaped(text.description) + "</desc>";
}

/// A line of the legend.
struct Entry {
    std::string name;
    std::size_t hue = 0;
};

/// A drawing with room for a legend above and labels at the axes. x runs from 0 to 1, y from 0 to the highest tick.
class Frame {
public:
    static constexpr double width = 760, left = 56, right = 14;

    Frame(const ChartText& text, const std::vector<Entry>& entries, double high, double plot_height = 230)
        : step_(nice_step(std::max(high, 1e-9), 5)), top_value_(step_ * std::ceil(std::max(high, 1e-9) / step_ - 1e-9)),
          text_(text) {
        legend(entries);
        bottom_ = top_ + plot_height;
        for (double v = 0; v <= top_value_ + step_ / 2; v += step_) {
            out_ += std::string("<line class=") + (v == 0 ? "a" : "g") + attribute("x1", left) + attribute("x2", width - right) +
                    attribute("y1", y(v)) + attribute("y2", y(v)) + "/>";
            out_ += label(left - 7, y(v) + 4, tick(v, step_), "text-anchor=end");
        }
        out_ += label(left - 48, top_ - 13, text.y_label);
        out_ += label((left + width - right) / 2, bottom_ + 38, text.x_label, "text-anchor=middle");
    }

    [[nodiscard]] double x(double part) const { return left + part * (width - left - right); }
    [[nodiscard]] double y(double value) const { return bottom_ - value / top_value_ * (bottom_ - top_); }

    void x_tick(double part, const std::string& text) { out_ += label(x(part), bottom_ + 18, text, "text-anchor=middle"); }
    void draw(const std::string& element) { out_ += element; }

    [[nodiscard]] std::string svg() const { return opening(text_, bottom_ + 46) + out_ + "</svg>"; }

private:
    void legend(const std::vector<Entry>& entries) {
        double at = left, row = 14;
        for (const Entry& e : entries) {
            const std::string name = shortened(e.name, 220);
            const double wide = 40 + width_of(name);
            if (at + wide > width && at > left) at = left, row += 20;
            out_ += "<rect rx=2 width=12 height=12" + attribute("x", at) + attribute("y", row - 10) + fill(e.hue) + "/>" +
                    label(at + 17, row, name);
            at += wide;
        }
        top_ = entries.empty() ? 28 : row + 36;
    }

    double step_, top_value_, top_ = 0, bottom_ = 0;
    ChartText text_;
    std::string out_;
};

/// A legend, where there is something to tell apart.
template <class Series>
std::vector<Entry> legend_of(const std::vector<Series>& all) {
    std::vector<Entry> entries;
    if (all.size() > 1)
        for (const auto& s : all) entries.push_back({s.name, s.hue});
    return entries;
}

inline std::string tip(const std::string& text) { return "<title>" + html_escaped(text) + "</title>"; }

}  // namespace chart

/// Curves over a common axis from 0; `filled` shades what is below them.
inline std::string curve_chart(const ChartText& text, const std::vector<Curve>& curves, bool filled = false) {
    double last = 1e-9, high = 0;
    for (const Curve& c : curves)
        for (const auto& [x, y] : c.points) last = std::max(last, x), high = std::max(high, y);
    chart::Frame frame(text, chart::legend_of(curves), high);
    const double step = chart::nice_step(last, 10);
    for (double v = 0; v <= last * 1.0001; v += step) frame.x_tick(v / last, chart::tick(v, step));
    for (const Curve& c : curves) {
        if (c.points.empty()) continue;
        std::string path;
        for (const auto& [x, y] : c.points) path += number(frame.x(x / last), 1) + "," + number(frame.y(y), 1) + " ";
        const auto& [end_x, end_y] = c.points.back();
        const auto foot = [&](double x) { return number(frame.x(x / last), 1) + "," + number(frame.y(0), 1) + " "; };
        if (filled)
            frame.draw("<polygon opacity=.14" + chart::fill(c.hue) + " points='" + foot(c.points.front().first) + path + foot(end_x) +
                       "'/>");
        frame.draw("<polyline fill=none style='stroke:" + chart::color(c.hue) + "' stroke-width=2 stroke-linejoin=round" +
                   (c.hue < 8 ? "" : " stroke-dasharray='6 3'") + " points='" + path + "'>" + chart::tip(c.name) + "</polyline>");
        if (!filled)
            frame.draw("<circle r=3.5" + chart::fill(c.hue) + chart::attribute("cx", frame.x(end_x / last)) +
                       chart::attribute("cy", frame.y(end_y)) + ">" + chart::tip(c.name) + "</circle>");
    }
    return frame.svg();
}

/// Bars side by side for every label; `unit` follows the value in the tip of a bar.
inline std::string bar_chart(const ChartText& text, const std::vector<std::string>& labels, const std::vector<Bars>& series,
                             const std::string& unit = "") {
    double high = 0, widest = 8;
    for (const Bars& b : series)
        for (const double v : b.values) high = std::max(high, v);
    for (const std::string& l : labels) widest = std::max(widest, chart::width_of(l));
    chart::Frame frame(text, chart::legend_of(series), high);
    const auto slots = static_cast<double>(std::max<std::size_t>(1, labels.size())), room = (frame.x(1) - frame.x(0)) / slots;
    const auto every = static_cast<std::size_t>(std::ceil((widest + 6) / room));
    const double bar = room * (room > 14 ? 0.8 : 0.92) / static_cast<double>(std::max<std::size_t>(1, series.size()));
    for (std::size_t i = 0; i < labels.size(); ++i) {
        const double middle = (static_cast<double>(i) + 0.5) / slots;
        if (i % every == 0) frame.x_tick(middle, labels[i]);
        double at = frame.x(middle) - bar * static_cast<double>(series.size()) / 2;
        for (std::size_t k = 0; k < series.size(); ++k, at += bar) {
            const double v = i < series[k].values.size() ? series[k].values[i] : 0;
            if (!(v > 0)) continue;
            frame.draw("<rect" + chart::attribute("x", at) + chart::attribute("y", frame.y(v)) +
                       chart::attribute("width", std::max(0.5, bar - (bar > 4 ? 1 : 0))) +
                       chart::attribute("height", frame.y(0) - frame.y(v)) + chart::fill(series[k].hue) + ">" +
                       chart::tip(series[k].name + ", " + labels[i] + ": " + number(v, 2) + unit) + "</rect>");
        }
    }
    return frame.svg();
}

/// One horizontal bar a row, the label before and the value behind it.
inline std::string ranked_chart(const ChartText& text, const std::vector<std::pair<std::string, double>>& rows, std::size_t hue,
                                const std::string& unit = "") {
    constexpr double line = 22, left = 190, right = 90;
    double high = 1e-9;
    for (const auto& [name, value] : rows) high = std::max(high, value);
    const double height = line * static_cast<double>(rows.size()) + 6;
    std::string out = chart::opening(text, height);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const double y = line * static_cast<double>(i) + 4, wide = std::max(1.0, rows[i].second / high * (760 - left - right));
        out += chart::label(left - 8, y + 12, chart::shortened(rows[i].first, left - 20), "text-anchor=end") +
               "<rect rx=2 height=16" + chart::attribute("x", left) + chart::attribute("y", y) + chart::attribute("width", wide) +
               chart::fill(hue) + ">" + chart::tip(chart::shortened(rows[i].first, 2000)) + "</rect>" +
               chart::label(left + wide + 7, y + 12, number(rows[i].second, 1) + unit);
    }
    return out + "</svg>";
}

}  // namespace tool
