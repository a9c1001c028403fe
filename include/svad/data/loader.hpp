// SPDX-License-Identifier: Apache-2.0
// Batches of clips, made ahead by worker threads and handed out through a bounded queue. Batch k is a function of
// (records, options, k) alone: a resumed run continues with the same clips, captions and blanks in the same order, on
// any number of workers. A clip that cannot be decoded is replaced by the next one of the epoch, counted and reported.
#pragma once

#include "svad/data/caption_set.hpp"
#include "svad/data/frames.hpp"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <thread>

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
    Index number = 0;
};

class Loader {
public:
    /// Clips of both branches; `primary` must not be empty. `decode` gives a record's frames [T, S, S, 3].
    Loader(std::vector<Record> primary, std::vector<Record> auxiliary, const text::Tokenizer& tokenizer,
           KeywordKinds kinds, FrameSource decode, LoaderOptions options, Index first_batch = 0)
        : sets_{std::move(primary), std::move(auxiliary)}, tokenizer_(tokenizer), kinds_(std::move(kinds)),
          decode_(std::move(decode)), options_(options), claimed_(first_batch), wanted_(first_batch) {
        if (sets_[0].empty()) fail<UsageError>("loader: there are no clips to train on");
        const double share = sets_[1].empty() ? 0.0 : options_.auxiliary_share;
        rows_[1] = static_cast<Index>(std::llround(share * static_cast<double>(options_.batch)));
        rows_[0] = options_.batch - rows_[1];
        if (rows_[0] < 0 || rows_[1] < 0 || options_.batch < 1)
            fail<UsageError>("loader: auxiliary share must be within 0 and 1 and the batch at least 1");
        for (int i = 0; i < std::max(1, options_.workers); ++i) threads_.emplace_back([this] { work(); });
    }

    ~Loader() {
        {
            const std::lock_guard lock(mutex_);
            quit_ = true;
        }
        changed_.notify_all();
        for (auto& t : threads_) t.join();
    }
    Loader(const Loader&) = delete;
    Loader& operator=(const Loader&) = delete;

    /// The next batch; waits for it. What a worker threw is thrown here.
    Batch next() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return error_ || ready_.count(wanted_) > 0; });
        if (error_) std::rethrow_exception(error_);
        Batch batch = std::move(ready_.at(wanted_));
        ready_.erase(wanted_++);
        lock.unlock();
        changed_.notify_all();
        return batch;
    }

    /// Batches of one pass over the primary clips.
    Index epoch() const { return (size(0) + rows_[0] - 1) / std::max<Index>(1, rows_[0]); }
    const KeywordKinds& kinds() const { return kinds_; }

    /// One line for every clip that could not be used so far.
    std::vector<std::string> skipped() const {
        const std::lock_guard lock(bad_mutex_);
        std::vector<std::string> lines;
        for (const auto& [id, why] : bad_) lines.push_back(why);
        return lines;
    }

private:
    Index size(int set) const { return static_cast<Index>(sets_[static_cast<std::size_t>(set)].size()); }

    void work() {
        for (;;) {
            Index number = 0;
            {
                std::unique_lock lock(mutex_);
                changed_.wait(lock, [&] { return quit_ || claimed_ < wanted_ + options_.queue; });
                if (quit_) return;
                number = claimed_++;
            }
            try {
                Batch batch = make(number);
                const std::lock_guard lock(mutex_);
                ready_.emplace(number, std::move(batch));
            } catch (...) {
                const std::lock_guard lock(mutex_);
                if (!error_) error_ = std::current_exception();
                quit_ = true;
            }
            changed_.notify_all();
        }
    }

    // The clip at place n of the endless, per-epoch shuffled sequence of a set.
    Index clip_at(int set, Index n) const {
        const Index count = size(set), epoch = n / count;
        const std::lock_guard lock(order_mutex_);
        auto& order = orders_[{set, epoch}];
        if (order.empty()) {
            for (Index i = 0; i < count; ++i) order.push_back(i);
            Random random(options_.seed, static_cast<std::uint64_t>(epoch * 2 + set));
            random.shuffle(std::span<Index>(order));
            orders_.erase({set, epoch - 2});
        }
        return order[static_cast<std::size_t>(n % count)];
    }

    Tensor<std::uint8_t> usable(int set, Index n, const Record*& record) {
        for (Index tries = 0; tries < size(set); ++tries) {
            record = &sets_[static_cast<std::size_t>(set)][static_cast<std::size_t>(clip_at(set, n + tries))];
            {
                const std::lock_guard lock(bad_mutex_);
                if (bad_.count(record->id)) continue;
            }
            try {
                return decode_(*record);
            } catch (const Error& e) {
                const std::lock_guard lock(bad_mutex_);
                bad_.emplace(record->id, e.what());
            }
        }
        const std::lock_guard lock(bad_mutex_);
        fail<UsageError>("loader: none of ", size(set), " clips can be decoded; the first: ", bad_.begin()->second);
    }

    Batch make(Index number) {
        Batch batch;
        batch.number = number;
        batch.primary = rows_[0];
        std::vector<TextRow> description, fill;
        std::vector<Tensor<std::uint8_t>> clips;
        batch.classes = Tensor<std::int32_t>({options_.batch, static_cast<Index>(kinds_.names.size())});
        for (int set = 0; set < 2; ++set)
            for (Index i = 0; i < rows_[static_cast<std::size_t>(set)]; ++i) {
                const Index n = number * rows_[static_cast<std::size_t>(set)] + i;
                const Record* record = nullptr;
                clips.push_back(usable(set, n, record));
                batch.clips.push_back(clip_key(*record));
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
        batch.description = collate(description, tokenizer_.id(options_.prompts.pad));
        if (options_.fill_task) batch.fill = collate(fill, tokenizer_.id(options_.prompts.pad));
        return batch;
    }

    std::array<std::vector<Record>, 2> sets_;
    const text::Tokenizer& tokenizer_;
    KeywordKinds kinds_;
    FrameSource decode_;
    LoaderOptions options_;
    std::array<Index, 2> rows_{};

    mutable std::mutex order_mutex_, bad_mutex_;
    mutable std::map<std::pair<int, Index>, std::vector<Index>> orders_;
    std::map<std::string, std::string> bad_;

    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<Index, Batch> ready_;
    std::vector<std::thread> threads_;
    Index claimed_, wanted_;
    bool quit_ = false;
    std::exception_ptr error_;
};

}  // namespace svad::data
