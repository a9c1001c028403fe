// SPDX-License-Identifier: Apache-2.0
#include "svad/text/language_model.hpp"

#include "io/temp_dir.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

using namespace svad;

namespace {

text::Request question(int i) { return {"v", "m", "", std::to_string(i), 0, 16, 0}; }

/// Calls f(thread) on eight threads.
template <class F>
void on_eight(const F& f) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) threads.emplace_back([&f, t] { f(t); });
    for (std::thread& t : threads) t.join();
}

}  // namespace

TEST_CASE("cache: equal requests at the same time are asked once, and all get the reply") {
    const TempDir dir;
    std::atomic<int> asked{0}, right{0};
    {
        text::CachedModel cached{[&](const text::Request& r) {
            ++asked;
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            return text::Reply{"reply to " + r.user, 3, 2};
        }, dir / "cache"};
        on_eight([&](int) {
            for (int i = 0; i < 10; ++i) right += cached(question(i)).text == "reply to " + std::to_string(i);
        });
        CHECK(cached.spent().asked == 10);
        CHECK(cached.spent().cached == 70);
        CHECK(cached.spent().prompt_tokens == 30);
    }
    CHECK(asked == 10);
    CHECK(right == 80);
    const std::string lines = io::read_file(dir / "cache");
    CHECK(std::count(lines.begin(), lines.end(), '\n') == 10);
}

TEST_CASE("cache: when the one that asks fails, one that waits asks; nobody waits for ever") {
    std::atomic<int> asked{0}, failed{0}, good{0};
    text::CachedModel cached{[&](const text::Request&) -> text::Reply {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        if (++asked < 4) throw text::ModelError("no line");
        return {"yes", 0, 0};
    }, ""};
    on_eight([&](int) {
        try {
            good += cached(question(1)).text == "yes";
        } catch (const text::ModelError&) {
            ++failed;
        }
    });
    CHECK(asked == 4);
    CHECK(failed == 3);
    CHECK(good == 5);
    CHECK(cached.spent().failed == 3);
}

TEST_CASE("cache: another error than ModelError passes through and leaves nothing behind") {
    bool broken = true;
    text::CachedModel cached{[&](const text::Request&) -> text::Reply {
        if (broken) throw std::runtime_error("broken");
        return {"yes", 0, 0};
    }, ""};
    CHECK_THROWS_AS(cached(question(1)), std::runtime_error);
    broken = false;
    CHECK(cached(question(1)).text == "yes");
}

TEST_CASE("cache: every part of a request is part of its key") {
    text::CachedModel cached{[](const text::Request& r) { return text::Reply{io::dump(text::to_json(r)), 0, 0}; }, ""};
    const text::Request one = question(1);
    std::vector<text::Request> others(7, one);
    others[0].version = "w", others[1].model = "n", others[2].system = "s", others[3].user = "u";
    others[4].temperature = 1, others[5].max_tokens = 17, others[6].attempt = 1;
    const std::string first = cached(one).text;
    for (const text::Request& other : others) CHECK(cached(other).text != first);
    CHECK(cached.spent().asked == 8);
    CHECK(cached(one).text == first);
    CHECK(cached.spent().cached == 1);
}
