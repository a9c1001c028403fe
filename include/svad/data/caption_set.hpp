// SPDX-License-Identifier: Apache-2.0
// From a record to what the decoder reads: [prompt, target, stop] as ids, and labels that count the target and the stop
// only (paper eq 9). labels[i] is the id that position i must predict, or `ignore`.
#pragma once

#include "svad/core/tensor.hpp"
#include "svad/data/keywords.hpp"
#include "svad/text/prompts.hpp"
#include "svad/text/tokenizer.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace svad::data {

inline constexpr std::int32_t ignore = -100;

/// One row of decoder text.
struct TextRow {
    std::vector<std::int32_t> ids, labels;
};

/// Rows padded on the right to one length: ids and labels [B, L].
struct TextBatch {
    Tensor<std::int32_t> ids, labels;
};

/// The row for a prompt and what must follow it, ended by the word `stop`. Longer rows than `limit` lose the end of the target.
[[nodiscard]] inline TextRow text_row(const text::Tokenizer& tokenizer, std::string_view prompt, std::string_view target,
                                      std::size_t limit, std::string_view stop = "<eos>") {
    std::vector<std::int32_t> all = tokenizer.encode(prompt);
    const std::size_t start = all.size();
    for (std::int32_t id : tokenizer.encode(join(" ", target))) all.push_back(id);
    all.push_back(tokenizer.id(stop));
    if (all.size() > limit + 1) all.resize(limit + 1);
    TextRow row;
    row.ids.assign(all.begin(), all.end() - 1);
    for (std::size_t i = 0; i + 1 < all.size(); ++i) row.labels.push_back(i + 1 >= start ? all[i + 1] : ignore);
    return row;
}

/// The distinct tokens of each record's keywords, as they stand inside a sentence: [records, most], `ignore` behind the last.
[[nodiscard]] inline Tensor<std::int32_t> keyword_ids(const text::Tokenizer& tokenizer, const std::vector<const Record*>& records) {
    std::vector<std::set<std::int32_t>> ids(records.size());
    std::size_t most = 1;
    for (std::size_t b = 0; b < records.size(); ++b) {
        for (const Keyword& k : records[b]->keywords)
            for (const std::int32_t id : tokenizer.encode(join(" ", k.word))) ids[b].insert(id);
        most = std::max(most, ids[b].size());
    }
    Tensor<std::int32_t> out({static_cast<Index>(records.size()), static_cast<Index>(most)});
    out.fill(ignore);
    for (std::size_t b = 0; b < ids.size(); ++b) std::copy(ids[b].begin(), ids[b].end(), out.data() + b * most);
    return out;
}

/// Rows as one padded batch; a row without ids becomes one that counts nothing.
[[nodiscard]] inline TextBatch collate(const std::vector<TextRow>& rows, std::int32_t pad) {
    std::size_t length = 1;
    for (const TextRow& r : rows) length = std::max(length, r.ids.size());
    const Shape shape{static_cast<Index>(rows.size()), static_cast<Index>(length)};
    TextBatch batch{Tensor<std::int32_t>(shape), Tensor<std::int32_t>(shape)};
    batch.ids.fill(pad);
    batch.labels.fill(ignore);
    for (std::size_t b = 0; b < rows.size(); ++b) {
        std::copy(rows[b].ids.begin(), rows[b].ids.end(), batch.ids.data() + b * length);
        std::copy(rows[b].labels.begin(), rows[b].labels.end(), batch.labels.data() + b * length);
    }
    return batch;
}

/// The kinds of keywords of a data set, each with its words in alphabetical order: what keyword supervision predicts.
struct KeywordKinds {
    std::vector<std::string> names;
    std::vector<std::vector<std::string>> words;

    static KeywordKinds of(const std::vector<Record>& records) {
        std::map<std::string, std::map<std::string, bool>> found;
        for (const Record& r : records)
            for (const Keyword& k : r.keywords) found[k.kind][k.word] = true;
        KeywordKinds kinds;
        for (const auto& [kind, words] : found) {
            kinds.names.push_back(kind);
            kinds.words.emplace_back();
            for (const auto& [word, unused] : words) kinds.words.back().push_back(word);
        }
        return kinds;
    }

    /// For every kind the number of the record's word, or `ignore`.
    std::vector<std::int32_t> classes(const Record& record) const {
        std::vector<std::int32_t> out(names.size(), ignore);
        for (const Keyword& k : record.keywords)
            for (std::size_t i = 0; i < names.size(); ++i) {
                if (names[i] != k.kind) continue;
                const auto at = std::lower_bound(words[i].begin(), words[i].end(), k.word);
                if (at != words[i].end() && *at == k.word) out[i] = static_cast<std::int32_t>(at - words[i].begin());
            }
        return out;
    }
};

}  // namespace svad::data
