// SPDX-License-Identifier: Apache-2.0
// Batches of clips with their texts. Batch k is a function of (records, options, k) alone: a resumed run continues with the
// same clips, captions and blanks in the same order, on any number of workers (Ahead), and clips that cannot be decoded are
// replaced, counted and reported (ShuffledClips).
#pragma once

#include "svad/data/ahead.hpp"
#include "svad/data/caption_set.hpp"
#include "svad/data/frames.hpp"
#include "svad/data/shuffled_clips.hpp"

#include <array>
#include <optional>

namespace svad::data {

struct LoaderOptions {
    Index batch = 16;
    double auxiliary_share = 0.5;               ///< part of each batch from the auxiliary records, if there are any
    std::uint64_t seed = 17;
    Index text_limit = 128;                     ///< ids per row at most
    text::Prompts prompts = {};
    int workers = 1;
    Index queue = 4;                            ///< batches made ahead at most
    bool fill_task = true;                      ///< prompt-guided keyword rows beside the descriptions
};

/// What one step trains on; rows 0 .. primary-1 are primary clips, the others auxiliary.
struct Batch {
    Tensor<float> frames;                       ///< [B, T, 3, S, S]
    std::vector<std::string> clips;             ///< which clip each row shows: file and range
    Index primary = 0;
    TextBatch description, fill;                ///< targets T_d and T_k
    Tensor<std::int32_t> classes;               ///< [B, kinds]: keyword classes, `ignore` where unknown
    Tensor<std::int32_t> words;                 ///< [B, W]: tokens of each clip's keywords, `ignore` where it has fewer
    Index number = 0;

    Index size() const { return frames.size(0); }
};

class Loader {
public:
    /// Clips of both branches; `primary` must not be empty. `decode` gives a record's frames [T, S, S, 3].
    Loader(std::vector<Record> primary, std::vector<Record> auxiliary, const text::Tokenizer& tokenizer,
           KeywordKinds kinds, FrameSource decode, LoaderOptions options, Index first_batch = 0)
        : primary_(std::move(primary), decode, options.seed, 0), auxiliary_(std::move(auxiliary), decode, options.seed, 1),
          tokenizer_(tokenizer), kinds_(std::move(kinds)), options_(options) {
        if (primary_.size() == 0) fail<UsageError>("loader: there are no clips to train on");
        const double share = auxiliary_.size() == 0 ? 0.0 : options_.auxiliary_share;
        rows_[1] = static_cast<Index>(std::llround(share * static_cast<double>(options_.batch)));
        rows_[0] = options_.batch - rows_[1];
        if (rows_[0] < 0 || rows_[1] < 0 || options_.batch < 1)
            fail<UsageError>("loader: auxiliary share must be within 0 and 1 and the batch at least 1");
        batches_.emplace([this](Index number) { return make(number); }, options_.workers, options_.queue, first_batch);
    }
    Loader(const Loader&) = delete;
    Loader& operator=(const Loader&) = delete;

    /// The next batch; waits for it. What a worker threw is thrown here.
    Batch next() { return batches_->next(); }

    /// Batches of one pass over the primary clips.
    Index epoch() const { return (primary_.size() + rows_[0] - 1) / std::max<Index>(1, rows_[0]); }
    const KeywordKinds& kinds() const { return kinds_; }

    /// One line for every clip that could not be used so far.
    std::vector<std::string> skipped() const {
        std::vector<std::string> lines = primary_.skipped();
        for (std::string& line : auxiliary_.skipped()) lines.push_back(std::move(line));
        return lines;
    }

private:
    Batch make(Index number) {
        Batch batch;
        batch.number = number;
        batch.primary = rows_[0];
        std::vector<TextRow> description, fill;
        std::vector<Tensor<std::uint8_t>> clips;
        std::vector<const Record*> records;
        batch.classes = Tensor<std::int32_t>({options_.batch, static_cast<Index>(kinds_.names.size())});
        for (int set = 0; set < 2; ++set)
            for (Index i = 0; i < rows_[static_cast<std::size_t>(set)]; ++i) {
                const Index n = number * rows_[static_cast<std::size_t>(set)] + i;
                auto [clip, record] = (set == 0 ? primary_ : auxiliary_).at(n);
                clips.push_back(std::move(clip));
                batch.clips.push_back(clip_key(*record));
                records.push_back(record);
                Random random(options_.seed + 1, static_cast<std::uint64_t>(n * 2 + set));
                const std::string& text = random.pick(record->descriptions);
                const auto limit = static_cast<std::size_t>(options_.text_limit);
                description.push_back(text_row(tokenizer_, options_.prompts.describe, text, limit, options_.prompts.stop));
                const auto gap = random_blank(AnnotatedKeywords{}, *record, text, random);
                if (options_.fill_task)
                    fill.push_back(gap ? text_row(tokenizer_, options_.prompts.fill_in(gap->masked), gap->answer.word, limit,
                                                  options_.prompts.stop) : TextRow{});
                const std::vector<std::int32_t> classes = kinds_.classes(*record);
                std::copy(classes.begin(), classes.end(),
                          batch.classes.data() + (static_cast<Index>(clips.size()) - 1) * static_cast<Index>(classes.size()));
            }
        batch.frames = video::normalized(clips);
        batch.words = keyword_ids(tokenizer_, records);
        batch.description = collate(description, tokenizer_.id(options_.prompts.pad));
        if (options_.fill_task) batch.fill = collate(fill, tokenizer_.id(options_.prompts.pad));
        return batch;
    }

    ShuffledClips<Tensor<std::uint8_t>> primary_, auxiliary_;
    const text::Tokenizer& tokenizer_;
    KeywordKinds kinds_;
    LoaderOptions options_;
    std::array<Index, 2> rows_{};
    std::optional<Ahead<Batch>> batches_;           // last: its workers use everything above
};

}  // namespace svad::data
