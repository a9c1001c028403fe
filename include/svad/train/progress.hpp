// SPDX-License-Identifier: Apache-2.0
// What a run tells: a progress line for people (stderr, only on a terminal, no colour under NO_COLOR), one JSON line a
// report for machines (metrics.jsonl) and TensorBoard events. And `stop_requested()`: Ctrl-C asks, the loop decides.
#pragma once

#include "svad/io/json.hpp"
#include "svad/io/tensorboard.hpp"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

namespace svad::train {

namespace detail {
inline volatile std::sig_atomic_t stop_flag = 0;
extern "C" inline void svad_on_stop_signal(int signal) {
    stop_flag = 1;
    std::signal(signal, SIG_DFL);                       // a second Ctrl-C ends the program at once
}
}  // namespace detail

/// From now on Ctrl-C and SIGTERM set stop_requested() instead of ending the program; a second one ends it.
inline void watch_stop_signals() {
    detail::stop_flag = 0;
    std::signal(SIGINT, detail::svad_on_stop_signal);
    std::signal(SIGTERM, detail::svad_on_stop_signal);
}
[[nodiscard]] inline bool stop_requested() { return detail::stop_flag != 0; }

/// Named figures of one moment, in the order in which they are to be shown.
using Figures = std::vector<std::pair<std::string, double>>;

/// A line on stderr that rewrites itself; silent when stderr is no terminal.
class ProgressBar {
public:
    explicit ProgressBar(std::string title, std::FILE* out = stderr)
        : title_(std::move(title)), out_(out), shown_(::isatty(::fileno(out)) != 0),
          color_(std::getenv("NO_COLOR") == nullptr), start_(std::chrono::steady_clock::now()) {}
    ~ProgressBar() { finish(); }
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;

    /// Shows `done` of `total` with the figures and the time left; at most ten times a second.
    void update(std::int64_t done, std::int64_t total, const Figures& figures = {}) {
        const auto now = std::chrono::steady_clock::now();
        if (first_ < 0) first_ = done > 0 ? done - 1 : 0;
        if (!shown_ || (done < total && now - last_ < std::chrono::milliseconds(100))) return;
        last_ = now;
        const double seconds = std::chrono::duration<double>(now - start_).count();
        const double left = done > first_ ? seconds / static_cast<double>(done - first_) * static_cast<double>(total - done) : 0;
        constexpr int width = 24;
        const int filled = total > 0 ? static_cast<int>(width * done / total) : width;
        std::string bar;
        for (int i = 0; i < width; ++i) bar += i < filled ? "█" : "░";
        std::string text = "\r\033[K" + title_ + " " + (color_ ? "\033[36m" + bar + "\033[0m" : bar) + " " +
                           std::to_string(done) + "/" + std::to_string(total);
        for (const auto& [name, value] : figures) {
            char number[48];
            std::snprintf(number, sizeof number, "  %s %.4g", name.c_str(), value);
            text += number;
        }
        char time[32];
        std::snprintf(time, sizeof time, "  %d:%02d left", static_cast<int>(left) / 60, static_cast<int>(left) % 60);
        std::fputs((text + time).c_str(), out_);
        std::fflush(out_);
        open_ = true;
    }
    /// Leaves the line and goes on below it.
    void finish() {
        if (open_) std::fputc('\n', out_);
        open_ = false;
    }

private:
    std::string title_;
    std::FILE* out_;
    bool shown_, color_, open_ = false;
    std::chrono::steady_clock::time_point start_, last_{};
    std::int64_t first_ = -1;
};

/// metrics.jsonl and TensorBoard events in one folder. A resumed run drops what was written past its first step, so
/// that no step appears twice.
class MetricsLog {
public:
    MetricsLog(const std::string& folder, std::int64_t first_step) : path_(folder + "/metrics.jsonl") {
        io::make_directories(folder);
        if (io::exists(path_)) {
            std::string kept;
            io::JsonLines lines(path_, io::TornTail::ignore);
            for (io::Json line; lines.next(line);)
                if (line.is_object() && io::field_or<std::int64_t>(line, "step", 0, path_) <= first_step) kept += io::dump(line) + "\n";
            io::write_atomic(path_, kept);
        }
        file_ = std::make_unique<io::AppendFile>(path_);
        board_ = std::make_unique<io::TensorBoard>(folder);
    }

    void write(std::int64_t step, const Figures& figures) {
        io::Json line = io::object({{"step", step}});
        for (const auto& [name, value] : figures) {
            line[name] = value;
            board_->scalar(name, value, step);
        }
        file_->append(io::dump(line) + "\n");
    }

private:
    std::string path_;
    std::unique_ptr<io::AppendFile> file_;
    std::unique_ptr<io::TensorBoard> board_;
};

}  // namespace svad::train
