// SPDX-License-Identifier: Apache-2.0
// The page of svad describe: a line of the video's shots, then each shot as a film strip with its time and description.
// A function from a struct to text; no script, no outside resource. What the model said is text, never markup.
#pragma once

#include "page.hpp"

#include "svad/infer/subtitles.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace tool {

struct PageShot {
    double start = 0, end = 0;            // seconds
    std::string text;
    std::vector<std::string> pictures;    // PNG bytes as base64
};

struct DescriptionPage {
    std::string title, summary;
    double aspect = 1;                    // width of a picture by its height
    std::vector<PageShot> shots;
};

/// The whole video as a bar: a stretch a shot, as long as it lasts, which leads to its description.
inline std::string shot_bar(const std::vector<PageShot>& shots) {
    std::string out = "<nav class=bar aria-label='shots'>";
    for (std::size_t i = 0; i < shots.size(); ++i)
        out += "<a href='#s" + std::to_string(i + 1) + "' style='flex-grow:" + number(std::max(0.001, shots[i].end - shots[i].start)) +
               "' title='" + html_escaped(std::to_string(i + 1) + ": " + svad::infer::clock_time(shots[i].start)) + "'>" +
               std::to_string(i + 1) + "</a>";
    return out + "</nav>";
}

inline std::string shot_article(const PageShot& shot, std::size_t count) {
    std::string out = "<article id=s" + std::to_string(count) + "><header><b>" + std::to_string(count) + "</b><time>" +
                      svad::infer::clock_time(shot.start) + "&thinsp;–&thinsp;" + svad::infer::clock_time(shot.end) +
                      "</time><span>" + number(shot.end - shot.start, 1) + "&thinsp;s</span></header><div class=film>";
    for (const std::string& p : shot.pictures) out += "<img alt='' src='data:image/png;base64," + p + "'>";
    const std::string text = shot.text.empty() ? "<p class=r>The model said nothing.</p>" : "<p>" + html_escaped(shot.text) + "</p>";
    return out + "</div>" + text + "</article>";
}

/// The whole page.
[[nodiscard]] inline std::string html(const DescriptionPage& page) {
    std::string out = page_head(page.title,
        "h1{overflow-wrap:anywhere;margin-bottom:.2rem}"
        ".bar{display:flex;gap:2px;height:2rem;margin:1.2rem 0 1.6rem}"
        ".bar a{flex:1 1 0;min-width:2px;overflow:hidden;text-align:center;line-height:2rem;font-size:.8rem;color:var(--soft);"
        "background:color-mix(in srgb,var(--c0) 16%,var(--paper));text-decoration:none}"
        ".bar a:first-child{border-radius:6px 0 0 6px}.bar a:last-child{border-radius:0 6px 6px 0}"
        ".bar a:hover,.bar a:focus-visible{background:var(--c0);color:var(--paper);outline:none}"
        "article{margin:0 0 1rem;padding:.8rem 1rem 1rem;border:1px solid var(--line);border-radius:8px;scroll-margin-top:1rem}"
        "article:target{border-color:var(--c0);box-shadow:0 0 0 1px var(--c0)}"
        "header{display:flex;gap:.8rem;align-items:baseline;margin-bottom:.5rem;color:var(--soft);font-size:.88rem;"
        "font-variant-numeric:tabular-nums}header b{color:var(--c0);font-size:1rem}header span{margin-left:auto}"
        "article p{margin:.7rem 0 0;font-size:1.05rem;max-width:75ch;overflow-wrap:anywhere}"
        ".film{display:flex;gap:3px;background:#111;padding:6px;border-radius:4px;overflow-x:auto}"
        ".film img{flex:1 1 0;min-width:90px;width:0;aspect-ratio:" + number(page.aspect) + ";display:block}");
    out += "<p class=r>" + html_escaped(page.summary) + "</p>" + shot_bar(page.shots);
    for (std::size_t i = 0; i < page.shots.size(); ++i) out += shot_article(page.shots[i], i + 1);
    return out + "</html>\n";
}

}  // namespace tool
