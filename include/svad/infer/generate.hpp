// SPDX-License-Identifier: Apache-2.0
// generate(): words from a decoder, for a batch of prompts (ids padded on the left, or a visual prefix with ids behind
// it), over a KvCache, greedily, by sampling or by beam search. One product per step serves all rows and beams.
// Rejected: a virtual "language model" interface; there is one decoder.
#pragma once

#include "svad/infer/search.hpp"
#include "svad/models/decoder.hpp"

#include <functional>

namespace svad::infer {

/// What to continue. Vectors [B, P, D] hold everything the decoder reads; ids are what repetition looks at.
struct Prompt {
    Var vectors;
    KeyMask keep = {};                              ///< [B, P], 0 = padding; empty = all real
    std::vector<std::vector<Id>> seen = {};         ///< a row each, for the repetition penalty; may be empty
    Index prefix = 0;                               ///< leading vectors that see each other both ways (DecoderContext)
    Tensor<std::int32_t> places = {};               ///< [3, B, P] for decoders with rope_sections; empty = by counting

    /// Ids [B, P], padded on the left where `keep` is 0.
    static Prompt of(const Decoder& decoder, const Tensor<Id>& ids, const KeyMask& keep = {}) {
        return {decoder.embed(ids), keep, rows_of(ids)};
    }
    /// A visual prefix [B, Q, D] and, behind it, ids [B, L] (padded on the left where `keep` is 0); L may be 0.
    static Prompt of(const Decoder& decoder, const Var& prefix, const Tensor<Id>& ids, const KeyMask& keep = {}) {
        if (ids.numel() == 0) return {prefix, {}, {}};
        Prompt p{concat(1, {prefix, decoder.embed(ids)}), {}, rows_of(ids)};
        if (keep.rank() != 2) return p;
        const Index B = ids.size(0), L = ids.size(1), Q = prefix.size(1);
        p.keep = KeyMask(Shape{B, Q + L});
        for (Index b = 0; b < B; ++b)
            for (Index i = 0; i < Q + L; ++i) p.keep(b, i) = i < Q ? std::uint8_t{1} : keep(b, i - Q);
        return p;
    }

private:
    static std::vector<std::vector<Id>> rows_of(const Tensor<Id>& ids) {
        std::vector<std::vector<Id>> rows;
        for (Index b = 0; b < ids.size(0); ++b) {
            const Tensor<Id> row = ids.slice(b);
            rows.emplace_back(row.begin(), row.end());
        }
        return rows;
    }
};

/// Sees the raw scores [rows, vocabulary] of every step of greedy search and sampling.
using Watch = std::function<void(Index step, const Tensor<float>& scores)>;
/// Hears every new word of greedy search and sampling as soon as it is chosen; false ends that row's text.
using Heard = std::function<bool(Index row, Id word)>;

namespace detail {

/// A decoder in the middle of a text: rows, their cache and their mask.
class Session {
public:
    Session(const Decoder& decoder, const Prompt& prompt, Index max_new)
        : decoder_(decoder), cache_(decoder.cache(prompt.vectors.size(0), prompt.vectors.size(1) + max_new)), keep_(prompt.keep),
          prefix_(prompt.prefix) {
        if (!prompt.places.empty()) follow(prompt);
        scores_ = last_scores(decoder(prompt.vectors, {.keep = keep_, .cache = &cache_, .prefix = prefix_, .places = prompt.places}));
    }

    /// Scores of the next word of every row: [rows, vocabulary].
    const Tensor<float>& scores() const { return scores_; }

    /// Row i continues what was row rows[i].
    void reorder(const std::vector<Index>& rows) {
        cache_.reorder(rows);
        std::vector<std::int32_t> places;
        for (Index r : rows)
            if (!next_place_.empty()) places.push_back(next_place_.at(static_cast<std::size_t>(r)));
        next_place_ = places;
        if (keep_.rank() != 2) return;
        KeyMask next(Shape{static_cast<Index>(rows.size()), keep_.size(1)});
        for (std::size_t i = 0; i < rows.size(); ++i)
            std::copy_n(keep_.data() + rows[i] * keep_.size(1), keep_.size(1), next.data() + static_cast<Index>(i) * keep_.size(1));
        keep_ = next;
    }

    /// Every row is given its next word.
    void push(const std::vector<Id>& words) {
        const Index B = cache_.rows();
        if (keep_.rank() == 2) {
            KeyMask longer(Shape{B, keep_.size(1) + 1});
            for (Index b = 0; b < B; ++b) {
                std::copy_n(keep_.data() + b * keep_.size(1), keep_.size(1), longer.data() + b * longer.size(1));
                longer(b, longer.size(1) - 1) = 1;
            }
            keep_ = longer;
        }
        const Tensor<Id> ids({B, 1}, words);
        scores_ = last_scores(decoder_(decoder_.embed(ids), {.keep = keep_, .cache = &cache_, .prefix = prefix_, .places = next_places()}));
    }

private:
    // A new word stands behind everything in front of it, on all three axes.
    void follow(const Prompt& prompt) {
        const Index B = prompt.vectors.size(0), P = prompt.vectors.size(1);
        if (prompt.places.shape() != Shape{3, B, P}) fail<ShapeError>("generate: places ", prompt.places.shape(), " for vectors ", prompt.vectors.shape());
        for (Index b = 0; b < B; ++b) {
            std::int32_t last = -1;
            for (Index i = 0; i < P; ++i)
                for (Index axis = 0; axis < 3; ++axis)
                    if (keep_.rank() != 2 || keep_(b, i)) last = std::max(last, prompt.places[(axis * B + b) * P + i]);
            next_place_.push_back(last + 1);
        }
    }
    Tensor<std::int32_t> next_places() {
        if (next_place_.empty()) return {};
        const auto B = static_cast<Index>(next_place_.size());
        Tensor<std::int32_t> places({3, B, 1});
        for (Index i = 0; i < 3 * B; ++i) places[i] = next_place_[static_cast<std::size_t>(i % B)];
        for (std::int32_t& place : next_place_) ++place;
        return places;
    }
    Tensor<float> last_scores(const Var& hidden) const {
        return decoder_.scores(hidden.slice(1, hidden.size(1) - 1)).template to<float>();
    }

    const Decoder& decoder_;
    KvCache cache_;
    KeyMask keep_;
    Index prefix_;
    std::vector<std::int32_t> next_place_;          // of each row; empty where places are counted
    Tensor<float> scores_;
};

inline std::vector<Id> seen_so_far(const Prompt& prompt, std::size_t row, const std::vector<Id>& made) {
    std::vector<Id> all = row < prompt.seen.size() ? prompt.seen[row] : std::vector<Id>();
    all.insert(all.end(), made.begin(), made.end());
    return all;
}

inline std::vector<float> processed(const Tensor<float>& scores, Index row, const std::vector<Id>& seen, Index made, const SearchOptions& o) {
    const Tensor<float> one = scores.slice(row);
    std::vector<float> values(one.begin(), one.end());
    process_scores(values, seen, made, o);
    return values;
}

inline std::vector<Hypothesis> one_by_one(const Decoder& decoder, const Prompt& prompt, const SearchOptions& o, const Watch& watch,
                                           const Heard& heard) {
    const Index B = prompt.vectors.size(0);
    std::vector<Hypothesis> rows(static_cast<std::size_t>(B));
    std::vector<bool> ended(static_cast<std::size_t>(B), false);
    if (o.max_new < 1) return rows;
    Session session(decoder, prompt, o.max_new);
    for (Index step = 0;; ++step) {
        if (watch) watch(step, session.scores());
        std::vector<Id> words(static_cast<std::size_t>(B), o.pad);
        bool open = false;
        for (std::size_t b = 0; b < rows.size(); ++b) {
            if (ended[b]) continue;
            const std::vector<float> scores =
                processed(session.scores(), static_cast<Index>(b), seen_so_far(prompt, b, rows[b].ids), step, o);
            Random random(o.seed, (static_cast<std::uint64_t>(b) << 32) | static_cast<std::uint64_t>(step));
            words[b] = o.sample ? sample(scores, o, random.uniform()) : best(scores);
            rows[b].score += log_probabilities(scores)[static_cast<std::size_t>(words[b])];
            rows[b].ids.push_back(words[b]);
            ended[b] = o.stops(words[b]);
            if (heard && !heard(static_cast<Index>(b), words[b])) ended[b] = true;
            open = open || !ended[b];
        }
        if (!open || step + 1 == o.max_new) return rows;
        session.push(words);
    }
}

inline std::vector<std::vector<Hypothesis>> by_beams(const Decoder& decoder, const Prompt& prompt, const SearchOptions& o) {
    const auto B = static_cast<std::size_t>(prompt.vectors.size(0));
    std::vector<BeamSearch> searches(B, BeamSearch(o));
    if (o.max_new < 1) return std::vector<std::vector<Hypothesis>>(B, {Hypothesis{}});
    Session session(decoder, prompt, o.max_new);
    std::vector<Index> first_row(B);                // of each search's hypotheses among the session's rows
    std::iota(first_row.begin(), first_row.end(), 0);
    for (Index step = 0;; ++step) {
        std::vector<Index> parents;
        std::vector<Id> words;
        for (std::size_t b = 0; b < B; ++b) {
            if (searches[b].finished()) continue;
            std::vector<std::vector<float>> scores;
            for (std::size_t r = 0; r < searches[b].running().size(); ++r)
                scores.push_back(processed(session.scores(), first_row[b] + static_cast<Index>(r),
                                           seen_so_far(prompt, b, searches[b].running()[r].ids), step, o));
            searches[b].advance(scores);
            if (searches[b].finished()) continue;
            const Index start = static_cast<Index>(parents.size());
            for (const auto& hypothesis : searches[b].running()) {
                parents.push_back(first_row[b] + hypothesis.parent);
                words.push_back(hypothesis.ids.back());
            }
            first_row[b] = start;
        }
        if (parents.empty()) break;
        session.reorder(parents);
        session.push(words);
    }
    std::vector<std::vector<Hypothesis>> results;
    for (const BeamSearch& search : searches) results.push_back(search.done());
    return results;
}

}  // namespace detail

/// Continues every prompt: for each row its hypotheses, the best first (one without beams; `beams` with them). A
/// hypothesis' score is the sum of its log-probabilities, with beams divided by length ^ length_penalty.
[[nodiscard]] inline std::vector<std::vector<Hypothesis>> generate(const Decoder& decoder, const Prompt& prompt,
                                                                   const SearchOptions& options = {}, const Watch& watch = {},
                                                                   const Heard& heard = {}) {
    const NoGrad off;
    if (prompt.vectors.size(1) < 1) fail<UsageError>("generate: the prompt is empty; give it at least one token");
    for (Id id : options.stop)
        if (id < 0 || id >= decoder.config.vocabulary)
            fail<UsageError>("generate: stop id ", id, " is outside the vocabulary of ", decoder.config.vocabulary);
    if (options.beams > 1) return detail::by_beams(decoder, prompt, options);
    std::vector<std::vector<Hypothesis>> results;
    for (Hypothesis& h : detail::one_by_one(decoder, prompt, options, watch, heard)) results.push_back({std::move(h)});
    return results;
}

}  // namespace svad::infer
