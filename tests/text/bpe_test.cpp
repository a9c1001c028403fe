// SPDX-License-Identifier: Apache-2.0
// Applying merges: the heap against the definition.
#include "svad/text/bpe.hpp"

#include "svad/core/random.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace svad::text;

namespace {

/// What the definition says, without a heap.
void merge_slowly(std::vector<std::int32_t>& ids, const MergeTable& table) {
    for (;;) {
        std::size_t best = ids.size();
        for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
            const auto found = table.find({ids[i], ids[i + 1]});
            if (found == table.end()) continue;
            if (best == ids.size() || found->second.rank < table.at({ids[best], ids[best + 1]}).rank) best = i;
        }
        if (best == ids.size()) return;
        ids[best] = table.at({ids[best], ids[best + 1]}).id;
        ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
}

}  // namespace

TEST_CASE("apply_merges: the heap gives what the definition gives, for random tables") {
    svad::Random random{9};
    for (int round = 0; round < 200; ++round) {
        MergeTable table;
        for (std::int32_t rank = 0; rank < 12; ++rank) {
            const auto highest = 4 + rank;
            const IdPair pair{static_cast<std::int32_t>(random.below(highest)), static_cast<std::int32_t>(random.below(highest))};
            table.try_emplace(pair, Merge{rank, 4 + rank});
        }
        std::vector<std::int32_t> ids(static_cast<std::size_t>(random.below(40)));
        for (auto& id : ids) id = static_cast<std::int32_t>(random.below(4));
        auto slow = ids;
        apply_merges(ids, table);
        merge_slowly(slow, table);
        CHECK(ids == slow);
    }
}
