// SPDX-License-Identifier: Apache-2.0
// What is packed comes out again, shards keep their limit, and a second run changes nothing.
#include "svad/data/shards.hpp"

#include "../io/temp_dir.hpp"

#include <doctest/doctest.h>

using namespace svad;
using data::ShardSample;

namespace {

std::vector<ShardSample> samples_in(const TempDir& folder, int count) {
    std::vector<ShardSample> out;
    for (int i = 0; i < count; ++i) {
        const std::string path = folder / join("v", i, ".mp4");
        io::write_atomic(path, std::string(static_cast<std::size_t>(700 * (i % 4)), static_cast<char>('a' + i % 26)));
        out.push_back({path, "mp4", join("{\"id\":", i, "}"), static_cast<std::uint64_t>(700 * (i % 4))});
    }
    return out;
}

}  // namespace

TEST_CASE("shards: every sample is in exactly one shard, in order, and comes out as it went in") {
    const TempDir folder;
    const auto samples = samples_in(folder, 23);
    const auto plans = data::plan_shards(samples, 10'000);
    std::size_t next = 0;
    for (const data::ShardPlan& plan : plans) {
        CHECK(plan.first == next);
        CHECK(plan.bytes <= 10'000);
        const std::string path = folder / join("s-", plan.first, ".tar");
        CHECK(data::write_shard(path, samples, plan));
        const std::string bytes = io::read_file(path);
        CHECK(bytes.size() == plan.bytes);
        io::TarReader reader{bytes, path};
        for (io::TarEntry entry; reader.next(entry);) {
            const ShardSample& s = samples[next];
            CHECK(entry.name == data::detail::sample_key(next) + ".mp4");
            CHECK(entry.bytes == io::read_file(s.video));
            REQUIRE(reader.next(entry));
            CHECK(entry.name == data::detail::sample_key(next) + ".json");
            CHECK(entry.bytes == s.json);
            ++next;
        }
        CHECK(plan.last == next);
    }
    CHECK(next == 23);
    CHECK(plans.size() > 3);
}

TEST_CASE("shards: one that is there is left alone, and one with a wrong byte is written again") {
    const TempDir folder;
    const auto samples = samples_in(folder, 5);
    const data::ShardPlan plan = data::plan_shards(samples, 1 << 20).at(0);
    const std::string path = folder / "s.tar";
    REQUIRE(data::write_shard(path, samples, plan));
    CHECK_FALSE(data::write_shard(path, samples, plan));
    const std::string good = io::read_file(path);
    std::string bad = good;
    bad[bad.size() / 2] ^= 1;
    io::write_atomic(path, bad);
    CHECK(data::write_shard(path, samples, plan));
    CHECK(io::read_file(path) == good);
}

TEST_CASE("shards: a sample over the limit has a shard of its own, and no samples give no shard") {
    const TempDir folder;
    CHECK(data::plan_shards(samples_in(folder, 6), 1).size() == 6);
    CHECK(data::plan_shards({}, 1000).empty());
}

TEST_CASE("shards: a video that changes its size is an error, and leaves no shard") {
    const TempDir folder;
    auto samples = samples_in(folder, 2);
    const data::ShardPlan plan = data::plan_shards(samples, 1 << 20).at(0);
    io::write_atomic(samples[1].video, "longer than it was");
    CHECK_THROWS_AS(data::write_shard(folder / "s.tar", samples, plan), io::FileError);
    CHECK_FALSE(io::exists(folder / "s.tar"));
}
