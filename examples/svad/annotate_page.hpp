// SPDX-License-Identifier: Apache-2.0
// The annotation page as one HTML text: markup, style and script put together, with the nonce that lets them run and,
// for a page on disk, its data.
//
// Promise: the page holds no text from outside as markup or script: names and descriptions are JSON in which no tag can
// begin, and the script only ever sets textContent. It loads nothing from anywhere else.
#pragma once

#include "annotate_markup.hpp"
#include "annotate_script_edit.hpp"
#include "annotate_script_list.hpp"
#include "annotate_script_player.hpp"
#include "annotate_style.hpp"

#include "svad/io/json.hpp"

#include <string>

namespace tool {

/// JSON as the content of a script element: "<" cannot begin a tag.
[[nodiscard]] inline std::string json_in_markup(std::string_view json) {
    std::string out;
    for (const char c : json) {
        if (c == '<') out += "\\u003c";
        else if (c == '>') out += "\\u003e";
        else if (c == '&') out += "\\u0026";
        else out += c;
    }
    return out;
}

/// The whole page. `data`: empty for a page that asks its server, or what the server would answer to "clips".
[[nodiscard]] inline std::string annotation_page(const std::string& nonce, const std::string& reviewer, const std::string& data) {
    const std::string settings = svad::io::dump(svad::io::object({{"user", reviewer}, {"file", !data.empty()}}));
    std::string out = "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width,initial-scale=1'>"
                      "<meta name=referrer content=no-referrer><title>Annotations</title>";
    if (!data.empty())
        out += "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; script-src 'nonce-" + nonce + "'; style-src 'nonce-" +
               nonce + "'; img-src data: blob:; media-src file:; base-uri 'none'; form-action 'none'\">";
    out += "<link rel=icon href='data:,'><style nonce=" + nonce + ">" + annotate_style + "</style>" + annotate_markup;
    out += "<script type=application/json id=settings nonce=" + nonce + ">" + json_in_markup(settings) + "</script>";
    if (!data.empty()) out += "<script type=application/json id=data nonce=" + nonce + ">" + json_in_markup(data) + "</script>";
    return out + "<script nonce=" + nonce + ">" + annotate_script_list + annotate_script_edit + annotate_script_player + "</script></html>\n";
}

}  // namespace tool
