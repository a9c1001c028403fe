// SPDX-License-Identifier: Apache-2.0
// Naming: some vector of a clip's prefix must point where the decoder's own vector of each of the clip's keywords points,
// rather than those of the other clips of the batch (late interaction as in ColBERT, between vectors and words). A decoder
// that knows its language then reads the prefix as words from the first step on; the caption loss alone has to teach the
// vision side through the whole frozen decoder, and a small data set ends before it does. Nothing is added to the model.
#pragma once

#include "svad/models/decoder.hpp"
#include "svad/ops/loss.hpp"

#include <algorithm>
#include <vector>

namespace svad {

/// The mean over all (clip, keyword) of -log softmax_w(s(clip, w) / temperature) at the keyword, s(b, w) = max over q of
/// cos(prefix[b, q], word vector of w), w over all words that occur in the batch. `prefix` [B, Q, D]; `words` [B, W], the
/// token ids of each clip's keywords, `ignore` (-100) where it has fewer. The decoder's word vectors get no gradient.
[[nodiscard]] inline Var naming_loss(const Decoder& decoder, const Var& prefix, const Tensor<std::int32_t>& words, double temperature = 0.05) {
    const auto [B, Q, D] = prefix.sizes<3>("B Q D");
    if (words.rank() != 2 || words.size(0) != B) fail<ShapeError>("naming: words should be [", B, ", words]; got ", words.shape());
    std::vector<std::int32_t> said, clips, labels;              // words of the batch; for every pair its clip and its place in `said`
    for (const std::int32_t w : words)
        if (w >= 0) said.push_back(w);
    if (said.empty()) return sum(prefix) * 0.0;                 // nothing to name
    std::sort(said.begin(), said.end());
    said.erase(std::unique(said.begin(), said.end()), said.end());
    for (Index b = 0; b < B; ++b)
        for (Index i = 0; i < words.size(1); ++i) {
            if (words(b, i) < 0) continue;
            clips.push_back(static_cast<std::int32_t>(b));
            labels.push_back(static_cast<std::int32_t>(std::lower_bound(said.begin(), said.end(), words(b, i)) - said.begin()));
        }
    const auto n = static_cast<Index>(said.size());
    const Var vectors = l2_normalize(decoder.embed(Tensor<std::int32_t>({1, n}, said)).detach().reshape({n, D}));
    const Var near = matmul(l2_normalize(prefix.reshape({B * Q, D})), vectors, {.b = true});        // cosines [B Q, n]
    const Var scores = max(near.reshape({B, Q, n}), 1) * (1.0 / temperature);                      // [B, n]
    return cross_entropy(embedding(scores, Tensor<std::int32_t>::of(clips)), Tensor<std::int32_t>::of(labels));
}

}  // namespace svad
