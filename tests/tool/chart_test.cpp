// SPDX-License-Identifier: Apache-2.0
#include "../../examples/svad/chart.hpp"

#include <doctest/doctest.h>

using namespace tool;

namespace {

std::size_t count(const std::string& text, std::string_view part) {
    std::size_t n = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
    return n;
}

/// All tags are closed in the order they were opened, as XML demands.
bool balanced(const std::string& svg) {
    std::vector<std::string> open;
    for (std::size_t at = svg.find('<'); at != std::string::npos; at = svg.find('<', at + 1)) {
        const std::size_t end = svg.find('>', at);
        const std::string tag = svg.substr(at + 1, end - at - 1), name = tag.substr(0, tag.find_first_of(" /", 1));
        if (tag.ends_with('/')) continue;
        if (tag[0] != '/') open.push_back(name);
        else if (open.empty() || "/" + open.back() != tag) return false;
        else open.pop_back();
    }
    return open.empty();
}

const ChartText text{"id", "A <title>", "What it shows & how.", "x", "y"};

}  // namespace

TEST_CASE("chart: steps of an axis are 1, 2 or 5 times a power of ten and at most as many as asked") {
    for (const double range : {0.003, 0.9, 1.0, 7.0, 21.46, 99.0, 140200.0, 586647.0}) {
        CAPTURE(range);
        const double step = chart::nice_step(range, 5), power = std::pow(10.0, std::floor(std::log10(step) + 1e-9));
        const double digit = step / power;
        CHECK((std::abs(digit - 1) < 1e-6 || std::abs(digit - 2) < 1e-6 || std::abs(digit - 5) < 1e-6));
        CHECK(range / step <= 5 + 1e-6);
        CHECK(range / step > 1.9);
    }
    CHECK(chart::tick(20000, 20000) == "20k");
    CHECK(chart::tick(2500000, 500000) == "2.5M");
    CHECK(chart::tick(0, 200) == "0");
    CHECK(chart::tick(0.5, 0.5) == "0.5");
}

TEST_CASE("chart: shortened text is whole characters and never wider than asked") {
    CHECK(chart::shortened("short", 100) == "short");
    const std::string cut = chart::shortened("\xE4\xB8\x80\xE4\xB8\x80\xE4\xB8\x80\xE4\xB8\x80", 40);
    CHECK(cut == "\xE4\xB8\x80\xE4\xB8\x80…");
    CHECK(chart::shortened(std::string(1'000'000, 'x'), 60).size() < 20);
}

TEST_CASE("chart: an svg is well formed, named for screen readers, and keeps outside text as text") {
    const std::vector<Curve> curves = {{"a<b>", {{0, 0}, {10, 3}}, 0}, {"none", {}, 1}};
    const std::vector<Bars> bars = {{"a<b>", {1, 0, 3}, 0}, {"c'd", {2, 2}, 9}};
    for (const std::string& svg : {curve_chart(text, curves), curve_chart(text, curves, true), bar_chart(text, {"1", "2", "<3>"}, bars, " %"),
                                   ranked_chart(text, {{"<food>", 70}, {"", 0}}, 2, " %"), bar_chart(text, {}, {}), curve_chart(text, {})}) {
        CAPTURE(svg);
        CHECK(balanced(svg));
        CHECK(count(svg, "aria-labelledby='id-t id-d'") == 1);
        CHECK(svg.find("<title id='id-t'>A &lt;title&gt;</title><desc id='id-d'>What it shows &amp; how.</desc>") != std::string::npos);
        CHECK(svg.find("nan") == std::string::npos);
        for (const char* raw : {"<b>", "<food>", "<3>", "c'd"}) CHECK(svg.find(raw) == std::string::npos);
    }
}

TEST_CASE("chart: a curve reaches the frame's corners, and a bar is as high as its value") {
    const std::string svg = curve_chart(text, {{"only", {{0, 0}, {5, 10}}, 3}});
    CHECK(svg.find("points='56.0,258.0 746.0,28.0 '") != std::string::npos);      // left and right edge, zero and the top
    CHECK(svg.find("var(--c3)") != std::string::npos);
    const std::string one = bar_chart(text, {"a", "b"}, {{"only", {5, 10}, 0}});
    CHECK(one.find("height='230.0'") != std::string::npos);
    CHECK(one.find("height='115.0'") != std::string::npos);
}

TEST_CASE("chart: one series needs no legend, several have an entry each in their own colour") {
    const Bars a{"first", {1}, 0}, b{"second", {1}, 4};
    CHECK(count(bar_chart(text, {"x"}, {a}), ">first</text>") == 0);
    const std::string both = bar_chart(text, {"x"}, {a, b});
    CHECK(count(both, ">first</text>") == 1);
    CHECK(count(both, "var(--c4)") == 2);                                          // the entry and the bar
}
