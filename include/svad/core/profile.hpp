// SPDX-License-Identifier: Apache-2.0
// Where the time goes: spans of work with a name, a phase and the shapes they worked on, as a Chrome trace (about:tracing,
// Perfetto) and as a table. Ops and the backward pass open spans by themselves; a program adds its own. While no profile is
// taken a span costs one load of a flag. Rejected: sampling from outside (it sees Eigen's loops, not which layer they serve).
#pragma once

#include "svad/core/error.hpp"
#include "svad/core/storage.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace svad {

/// What has been measured between start() and stop(), by all threads.
class Profile {
public:
    struct Event {
        std::string_view name, phase;               ///< of static storage: "linear", "backward"
        std::string detail;                         ///< the inputs' shapes
        unsigned thread = 0;
        std::int64_t start = 0, length = 0, inner = 0;      ///< nanoseconds; inner: what spans inside this one took
        std::size_t memory = 0;                     ///< bytes in use at its end
    };

    static bool on() { return state().on.load(std::memory_order_relaxed); }
    /// Forgets what was measured and measures from now on.
    static void start() {
        State& s = state();
        const std::lock_guard lock(s.mutex);
        s.events.clear();
        s.began = std::chrono::steady_clock::now();
        s.on.store(true, std::memory_order_relaxed);
    }
    static void stop() { state().on.store(false, std::memory_order_relaxed); }
    static std::vector<Event> events() {
        const std::lock_guard lock(state().mutex);
        return state().events;
    }

    /// The events as a Chrome trace: a JSON object with one complete event a span, and a counter of the memory in use.
    static std::string trace();
    /// The events by phase and name (with `shapes`: and by shapes), the longest first. A span's time is without what spans
    /// inside it took, so that shares add up to what was measured.
    static std::string table(bool shapes = false, std::size_t rows = 40);

private:
    friend class Span;
    struct State {
        std::atomic<bool> on{false};
        std::mutex mutex;
        std::vector<Event> events;
        std::chrono::steady_clock::time_point began;
    };
    static State& state() {
        static State s;
        return s;
    }
};

/// A stretch of work in this thread, from its making to its end.
class [[nodiscard]] Span {
public:
    /// Names must have static storage; without a phase it is that of the span around it. `detail` is called while a profile
    /// is taken, and only then.
    template <class Detail>
    Span(std::string_view name, std::string_view phase, Detail detail) {
        if (!Profile::on()) return;
        outer_ = current();
        event_.name = name;
        event_.phase = !phase.empty() ? phase : outer_ ? outer_->event_.phase : std::string_view("forward");
        event_.detail = detail();
        current() = this;
        begin_ = std::chrono::steady_clock::now();
        taken_ = true;
    }
    explicit Span(std::string_view name, std::string_view phase = {}) : Span(name, phase, [] { return std::string(); }) {}
    Span(const Span&) = delete;
    Span& operator=(const Span&) = delete;

    ~Span() {
        if (!taken_) return;
        const auto finish = std::chrono::steady_clock::now();
        current() = outer_;
        event_.length = nanoseconds(finish - begin_);
        if (outer_) outer_->event_.inner += event_.length;
        event_.memory = memory_in_use();
        Profile::State& s = Profile::state();
        try {
            const std::lock_guard lock(s.mutex);
            event_.start = nanoseconds(begin_ - s.began);
            event_.thread = thread_number();
            if (event_.start >= 0) s.events.push_back(std::move(event_));
        } catch (...) {}                            // no memory for a measurement is no reason to end the work
    }

private:
    static Span*& current() {
        thread_local Span* span = nullptr;
        return span;
    }
    static unsigned thread_number() {
        static std::atomic<unsigned> next{1};
        thread_local const unsigned number = next.fetch_add(1);
        return number;
    }
    static std::int64_t nanoseconds(std::chrono::steady_clock::duration d) {
        return std::chrono::duration_cast<std::chrono::nanoseconds>(d).count();
    }

    bool taken_ = false;
    Span* outer_ = nullptr;
    Profile::Event event_;
    std::chrono::steady_clock::time_point begin_;
};

inline std::string Profile::trace() {
    std::string out = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[";
    char line[512];
    bool first = true;
    for (const Event& e : events()) {
        const double start = 1e-3 * static_cast<double>(e.start), length = 1e-3 * static_cast<double>(e.length);
        std::snprintf(line, sizeof line,
                      "%s\n{\"name\":\"%.*s\",\"cat\":\"%.*s\",\"ph\":\"X\",\"pid\":1,\"tid\":%u,\"ts\":%.3f,\"dur\":%.3f,"
                      "\"args\":{\"phase\":\"%.*s\",\"shapes\":\"%.200s\"}},\n"
                      "{\"name\":\"memory\",\"ph\":\"C\",\"pid\":1,\"ts\":%.3f,\"args\":{\"MiB\":%.3f}}",
                      first ? "" : ",", static_cast<int>(e.name.size()), e.name.data(), static_cast<int>(e.phase.size()), e.phase.data(),
                      e.thread, start, length, static_cast<int>(e.phase.size()), e.phase.data(), e.detail.c_str(), start + length,
                      static_cast<double>(e.memory) / 1048576);
        out += line;
        first = false;
    }
    return out + "\n]}\n";
}

inline std::string Profile::table(bool shapes, std::size_t rows) {
    struct Row {
        std::string what;
        double ms = 0;
        std::int64_t calls = 0;
    };
    std::map<std::string, Row> sums;
    double all = 0;
    for (const Event& e : events()) {
        std::string what = join(e.phase, "  ", e.name);
        if (shapes) what += "  " + e.detail;
        Row& row = sums[what];
        const double ms = 1e-6 * static_cast<double>(e.length - e.inner);
        row.what = what, row.ms += ms, row.calls += 1, all += ms;
    }
    std::vector<Row> sorted;
    for (const auto& [what, row] : sums) sorted.push_back(row);
    std::stable_sort(sorted.begin(), sorted.end(), [](const Row& a, const Row& b) { return a.ms > b.ms; });
    std::string out = "      ms  share    calls  what\n";
    char line[400];
    for (std::size_t i = 0; i < std::min(rows, sorted.size()); ++i) {
        std::snprintf(line, sizeof line, "%8.2f %5.1f%% %8lld  %.300s\n", sorted[i].ms, all > 0 ? 100 * sorted[i].ms / all : 0.0,
                      static_cast<long long>(sorted[i].calls), sorted[i].what.c_str());
        out += line;
    }
    std::snprintf(line, sizeof line, "%8.2f 100.0%%           all\n", all);
    return out + line;
}

}  // namespace svad
