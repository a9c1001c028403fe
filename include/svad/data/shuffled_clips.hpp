// SPDX-License-Identifier: Apache-2.0
// The clips of a set in an endless order, shuffled anew every epoch: which clip stands at place n is a function of
// (records, seed, n), so that a resumed run sees what an undisturbed one sees. A clip that cannot be decoded is replaced by
// the next one of the epoch, counted and reported.
#pragma once

#include "svad/core/random.hpp"
#include "svad/data/manifest.hpp"

#include <functional>
#include <map>
#include <mutex>

namespace svad::data {

/// `Clip` is what decoding a record gives.
template <class Clip>
class ShuffledClips {
public:
    /// Throws an Error for a record that it cannot decode; may be called from several threads.
    using Decode = std::function<Clip(const Record&)>;

    /// Two sets of one seed are shuffled by different `set` numbers.
    ShuffledClips(std::vector<Record> records, Decode decode, std::uint64_t seed, int set)
        : records_(std::move(records)), decode_(std::move(decode)), seed_(seed), set_(set) {}

    Index size() const { return static_cast<Index>(records_.size()); }

    /// The clip at place n, and its record; safe to call from several threads.
    std::pair<Clip, const Record*> at(Index n) {
        for (Index tries = 0; tries < size(); ++tries) {
            const Record& record = records_[static_cast<std::size_t>(place(n + tries))];
            {
                const std::lock_guard lock(bad_mutex_);
                if (bad_.count(record.id)) continue;
            }
            try {
                return {decode_(record), &record};
            } catch (const Error& e) {
                const std::lock_guard lock(bad_mutex_);
                bad_.emplace(record.id, e.what());
            }
        }
        const std::lock_guard lock(bad_mutex_);
        fail<UsageError>("loader: none of ", size(), " clips can be decoded; the first: ", bad_.empty() ? std::string("there are none") : bad_.begin()->second);
    }

    /// One line for every clip that could not be used so far.
    std::vector<std::string> skipped() const {
        const std::lock_guard lock(bad_mutex_);
        std::vector<std::string> lines;
        for (const auto& [id, why] : bad_) lines.push_back(why);
        return lines;
    }

private:
    // Which record stands at place n of the endless sequence.
    Index place(Index n) {
        const Index epoch = n / size();
        const std::lock_guard lock(order_mutex_);
        auto& order = orders_[epoch];
        if (order.empty()) {
            for (Index i = 0; i < size(); ++i) order.push_back(i);
            Random random(seed_, static_cast<std::uint64_t>(epoch * 2 + set_));
            random.shuffle(std::span<Index>(order));
            orders_.erase(epoch - 2);
        }
        return order[static_cast<std::size_t>(n % size())];
    }

    std::vector<Record> records_;
    Decode decode_;
    std::uint64_t seed_;
    int set_;
    mutable std::mutex order_mutex_, bad_mutex_;
    std::map<Index, std::vector<Index>> orders_;    // by epoch
    std::map<std::string, std::string> bad_;        // why, by id
};

}  // namespace svad::data
