// SPDX-License-Identifier: Apache-2.0
// A label for each position of a sequence: a linear model over hashed features, decoded exactly (Viterbi 1967), learnt
// as an averaged structured perceptron (Collins 2002). The tagger and the segmenter are its feature functions.
//
// Promise: training is a function of the examples, their order and the seed. A feature owns a window of `labels` bytes
// that starts anywhere in one table, so the size of a model does not depend on how many features there are; windows
// may overlap and learning copes. A file is checked whole (sizes, checksum) before a byte of it is used.
// Rejected: a map from feature to weights (ten times the size, slower), beam search (inexact, no faster for 17 labels).
#pragma once

#include "svad/core/error.hpp"
#include "svad/io/file.hpp"
#include "svad/text/lexicon.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace svad::text {

/// How a sequence model is learnt.
struct TaggerOptions {
    int epochs = 12;
    int learners = 4;                                            // models with other seeds, whose mean is the result
    std::uint64_t seed = 1;
    double dropout = 0.3;                                        // share of features hidden in training, drawn anew each time
    int margin = 5;                                              // by how much the right label must lead, in updates
    std::size_t slots = 3'600'000;                               // bytes of the table of weights
    Lexicon lexicon = {};                                        // words known beside those of the examples; kept in the model
    std::function<void(int epoch, double wrong)> progress = {};  // after each epoch: share of wrong labels in training
};

namespace detail {

/// Mixes a value into a hash; the order of calls matters.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
    hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
    return hash ^ (hash >> 29);
}

/// FNV-1a of bytes.
[[nodiscard]] constexpr std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t hash = 0xCBF29CE484222325u) {
    for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
    return hash;
}

/// The features of a sequence: those of position i are features[ends[i-1]..ends[i]); `joint` is seen with the label before.
struct SequenceInput {
    std::vector<std::uint32_t> features, joint;
    std::vector<std::size_t> ends;

    void clear() { features.clear(), joint.clear(), ends.clear(); }
    void add(std::uint64_t kind, std::uint64_t value) { features.push_back(static_cast<std::uint32_t>(mix(mix(kind, value), 7) >> 32)); }
    void finish_position(std::uint64_t with_previous) {
        ends.push_back(features.size());
        joint.push_back(static_cast<std::uint32_t>(mix(with_previous, 3) >> 32));
    }
};

struct SequenceExample {
    SequenceInput input;
    std::vector<std::uint8_t> labels;
};

/// Weights of either kind: bytes of a finished model or counts of one that is being learnt.
template <class W, class T>
struct SequenceWeights {
    int labels = 0;
    std::size_t slots = 0;
    std::vector<W> table;          // slots + labels
    std::vector<T> transitions;    // row `before` * labels + label; the last row is the start

    void resize(int count, std::size_t size) {
        labels = count, slots = size;
        table.assign(size + static_cast<std::size_t>(count), 0);
        transitions.assign(static_cast<std::size_t>((count + 1) * count), 0);
    }
    [[nodiscard]] std::size_t window(std::uint32_t feature) const {
        return static_cast<std::size_t>((static_cast<std::uint64_t>(feature) * slots) >> 32);
    }
    [[nodiscard]] std::size_t window(std::uint32_t joint, int before) const {
        return window(static_cast<std::uint32_t>(mix(joint, static_cast<std::uint64_t>(before) + 1) >> 32));
    }
};

template <class W, class T>
void add_window(const SequenceWeights<W, T>& w, std::size_t at, std::int32_t* scores) {
    const W* from = w.table.data() + at;
    for (int k = 0; k < w.labels; ++k) scores[k] += from[k];
}

/// The best labels under `w`, exactly; with `gold`, wrong labels get `margin` for nothing, so that right ones must lead.
template <class W, class T>
[[nodiscard]] std::vector<std::uint8_t> decode(const SequenceWeights<W, T>& w, const SequenceInput& in,
                                               const std::vector<std::uint8_t>* gold = nullptr, int margin = 0) {
    constexpr int most = 32;
    const int labels = w.labels;
    const std::size_t n = in.ends.size();
    std::vector<std::array<std::uint8_t, most>> back(n);
    std::array<std::int32_t, most> best{}, own{}, next{}, row{};
    for (std::size_t i = 0; i < n; ++i) {
        own.fill(0), next.fill(INT32_MIN);
        for (std::size_t f = i ? in.ends[i - 1] : 0; f < in.ends[i]; ++f) add_window(w, w.window(in.features[f]), own.data());
        if (gold) own[(*gold)[i]] -= margin;
        for (int p = i ? 0 : labels; p < (i ? labels : labels + 1); ++p) {
            for (int k = 0; k < labels; ++k) row[static_cast<std::size_t>(k)] = w.transitions[static_cast<std::size_t>(p * labels + k)];
            add_window(w, w.window(in.joint[i], p), row.data());
            const std::int32_t before = i ? best[static_cast<std::size_t>(p)] : 0;
            for (std::size_t k = 0; k < static_cast<std::size_t>(labels); ++k)
                if (before + row[k] > next[k]) next[k] = before + row[k], back[i][k] = static_cast<std::uint8_t>(p);
        }
        // Only differences matter: taking the largest off keeps any length of text from overflowing.
        std::int32_t top = INT32_MIN;
        for (std::size_t k = 0; k < static_cast<std::size_t>(labels); ++k) top = std::max(top, best[k] = next[k] + own[k]);
        for (std::size_t k = 0; k < static_cast<std::size_t>(labels); ++k) best[k] -= top;
    }
    std::vector<std::uint8_t> out(n);
    std::size_t label = static_cast<std::size_t>(std::max_element(best.begin(), best.begin() + labels) - best.begin());
    for (std::size_t i = n; i-- > 0; label = back[i][label]) out[i] = static_cast<std::uint8_t>(label);
    return out;
}

}  // namespace detail
}  // namespace svad::text
