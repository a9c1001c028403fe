// SPDX-License-Identifier: Apache-2.0
// Keywords by a part-of-speech tagger: the nouns, verbs, adjectives, colours, sides and counts of a description.
//
// Promise: every keyword is bytes [begin, end) of the description and each word comes once, ranked by how much of the
// picture it says: counts, colours and sides first, since those are what descriptions get wrong, then objects, actions
// and attributes; equal ranks in the order of the text. Words that every description has are left out.
// Rejected: tf-idf over the corpus: it would make the keywords of a clip depend on the other clips.
#pragma once

#include "svad/data/keywords.hpp"
#include "svad/text/upos.hpp"

#include <algorithm>
#include <array>
#include <concepts>
#include <set>
#include <span>

namespace svad::data {

/// The kinds of keyword by rank, best first.
inline constexpr std::array<std::string_view, 6> keyword_kinds{"count", "colour", "side", "object", "action", "attribute"};

namespace detail {

template <std::size_t N>
constexpr bool is_one_of(std::string_view word, const std::array<std::string_view, N>& list) {
    for (const std::string_view w : list)
        if (w == word) return true;
    return false;
}

inline constexpr auto colour_words = std::to_array<std::string_view>(
    {"red", "orange", "yellow", "green", "blue", "purple", "violet", "pink", "brown", "black", "white", "grey", "gray", "beige",
     "golden", "silver", "turquoise", "cyan", "magenta", "maroon", "navy", "teal", "crimson", "ivory", "红", "红色", "橙色", "橘色",
     "黄", "黄色", "绿", "绿色", "蓝", "蓝色", "紫", "紫色", "粉", "粉色", "粉红色", "棕色", "褐色", "咖啡色", "黑", "黑色", "白", "白色",
     "灰", "灰色", "米色", "金色", "银色", "青色", "深蓝色", "浅蓝色", "米白色", "卡其色"});

inline constexpr auto side_words = std::to_array<std::string_view>(
    {"left", "right", "top", "bottom", "middle", "center", "centre", "foreground", "background", "front", "back", "upper", "lower",
     "左", "右", "左边", "右边", "左侧", "右侧", "左手", "右手", "上方", "下方", "上面", "下面", "中间", "中央", "前方", "后方", "前面",
     "后面", "前景", "背景", "旁边"});

/// Verbs that say nothing of a picture alone, nouns of the description itself, and Chinese measure words, which are tagged
/// as nouns.
inline constexpr auto empty_words = std::to_array<std::string_view>(
    {"be", "is", "are", "was", "were", "been", "being", "am", "have", "has", "had", "having", "do", "does", "did", "doing", "done",
     "make", "makes", "making", "made", "get", "gets", "getting", "got", "take", "takes", "taking", "took", "go", "goes", "going",
     "come", "comes", "coming", "give", "gives", "giving", "put", "puts", "let", "lets", "seem", "seems", "appear", "appears",
     "show", "shows", "showing", "shown", "see", "sees", "seen", "start", "starts", "begin", "begins", "keep", "keeps", "other",
     "same", "such", "several", "many", "video", "clip", "scene", "picture", "image", "shot", "thing", "things", "something",
     "是", "有", "在", "做", "进行", "出现", "显示", "展示", "开始", "使", "让", "给", "来", "去", "到", "没有", "可以", "视频", "画面",
     "镜头", "图片", "东西", "时候", "其他", "个", "位", "名", "只", "条", "把", "辆", "张", "台", "件", "双", "群", "些", "种", "块", "片",
     "座", "本", "支", "根", "颗"});

/// The lower-case ASCII letters of a word; other bytes stay.
inline std::string folded(std::string_view word) { return text::to_lower(word); }

inline std::string_view kind_of_word(std::string_view word, text::Upos tag) {
    using text::Upos;
    const bool content = tag == Upos::noun || tag == Upos::propn || tag == Upos::adj || tag == Upos::verb || tag == Upos::adv;
    if (tag == Upos::num) return "count";
    if (content && is_one_of(word, colour_words)) return "colour";
    if ((content || tag == Upos::adp) && is_one_of(word, side_words)) return tag == Upos::adp && word.size() < 3 ? "" : "side";
    if (is_one_of(word, empty_words)) return "";
    if (tag == Upos::noun || tag == Upos::propn) return "object";
    if (tag == Upos::verb) return "action";
    return tag == Upos::adj ? "attribute" : "";
}

inline std::size_t rank_of(std::string_view kind) {
    return static_cast<std::size_t>(std::find(keyword_kinds.begin(), keyword_kinds.end(), kind) - keyword_kinds.begin());
}

}  // namespace detail

/// The keywords among tagged words, ranked, at most `limit` (0: all). Throws UsageError for a word outside the text.
[[nodiscard]] inline std::vector<KeywordSpan> keywords_of(std::string_view description, std::span<const text::TaggedWord> words,
                                                          std::size_t limit = 0) {
    std::vector<KeywordSpan> out;
    std::set<std::string> seen;
    for (const text::TaggedWord& w : words) {
        if (w.begin >= w.end || w.end > description.size())
            fail<UsageError>("keywords: word [", w.begin, ", ", w.end, ") is outside of a text of ", description.size(), " bytes");
        const std::string_view word = description.substr(w.begin, w.end - w.begin);
        const std::string lower = detail::folded(word);
        const std::string_view kind = detail::kind_of_word(lower, w.tag);
        if (kind.empty() || !seen.insert(lower).second) continue;
        out.push_back({{std::string{word}, std::string{kind}}, w.begin, w.end});
    }
    std::stable_sort(out.begin(), out.end(), [](const KeywordSpan& a, const KeywordSpan& b) {
        return detail::rank_of(a.keyword.kind) < detail::rank_of(b.keyword.kind);
    });
    if (limit > 0 && out.size() > limit) out.resize(limit);
    return out;
}

/// A KeywordExtractor by anything that gives the tagged words of a text.
template <class Tag>
    requires std::invocable<const Tag&, std::string_view>
struct TaggedKeywords {
    Tag tag;                  ///< text to std::vector<text::TaggedWord>
    std::size_t limit = 0;

    [[nodiscard]] std::vector<KeywordSpan> spans(std::string_view description) const {
        return keywords_of(description, tag(description), limit);
    }
    std::vector<Keyword> operator()(const Record&, std::string_view description) const { return words_of(spans(description)); }
};

}  // namespace svad::data
