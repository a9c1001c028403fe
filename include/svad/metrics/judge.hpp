// SPDX-License-Identifier: Apache-2.0
// A language model as judge of descriptions, in the manner of Video-ChatGPT: five aspects, each a score from 0 to 5.
//
// Promise: an answer that cannot be read, or is out of range, is never a score: it is asked again a bounded number of
// times and then counted as a failure. Every raw answer is kept. Scores under different signatures are not comparable:
// prompts are named by version, and the version is part of the signature and of the cache's key.
// Differs from the original on purpose: no silent skipping, no endless loop, 4.8 stays 4.8 unless truncation is asked.
#pragma once

#include "svad/core/random.hpp"
#include "svad/text/json_answer.hpp"
#include "svad/text/language_model.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <exception>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace svad::metrics {

/// What is judged.
enum class Aspect : std::uint8_t { correctness, detail, context, temporal, consistency };

inline constexpr std::array<std::string_view, 5> aspect_names{"correctness", "detail", "context", "temporal", "consistency"};

/// The name of an aspect: "correctness".
[[nodiscard]] constexpr std::string_view name_of(Aspect a) { return aspect_names[static_cast<std::size_t>(a)]; }

/// The four aspects of the paper's table, and their mean.
inline constexpr std::array<Aspect, 4> paper_aspects{Aspect::correctness, Aspect::detail, Aspect::context, Aspect::temporal};

/// The wording of a judge. Change a text and the version with it.
struct JudgePrompts {
    std::string version = "svad-judge-1";
    std::string role = "You grade how a video was described. You see a question, a reference answer written by a person "
                       "and the answer of a system.";
    std::array<std::string, 5> criteria{
        "Grade factual correctness: does everything the answer states agree with the reference, without errors or "
        "misleading claims? Other words for the same fact are fine.",
        "Grade detail: does the answer cover every important point of the reference, and is it specific instead of vague? "
        "Give one grade for both together. Other words for the same point are fine.",
        "Grade context: does the answer fit the overall situation of the reference, its subject and its mood, and add "
        "nothing foreign to it?",
        "Grade time: do the events come in the order of the reference? Other words are fine as long as the order holds.",
        "Grade consistency: two answers to two similar questions are given. Do they agree with each other and with the "
        "reference?"};
    std::string demand = "Reply with one JSON object and nothing else: {\"score\": N}, where N is an integer from 0 (worst) "
                         "to 5 (best).";
};

/// One thing to judge. For consistency the second question and answer are needed; the other aspects ignore them.
struct JudgeItem {
    std::string id, question, reference, prediction;
    std::string second_question, second_prediction;
};

struct JudgeOptions {
    std::string model;
    std::vector<Aspect> aspects{paper_aspects.begin(), paper_aspects.end()};
    int attempts = 3;            ///< questions per item and aspect, the first included
    int parallel = 1;            ///< requests at the same time
    bool truncate = false;       ///< drop the fraction of a score, as the original's average does
    int rounds = 1000;           ///< of the bootstrap
    std::uint64_t seed = 1;
    double temperature = 0;
};

/// One aspect of one item.
struct Verdict {
    std::optional<double> score;        ///< nothing: a failure
    std::vector<std::string> answers;   ///< raw, in the order they came
    std::string problem;                ///< of a failure: why
};

/// The mean of an aspect over the items that have a score.
struct AspectMean {
    Aspect aspect{};
    double mean = 0, low = 0, high = 0;   ///< with a 95 % bootstrap interval; NaN without a scored item
    std::int64_t scored = 0, failed = 0;
};

struct Judgement {
    std::vector<std::vector<Verdict>> items;   ///< [item][aspect], as asked for
    std::vector<AspectMean> aspects;
    double mean = 0;                           ///< of the aspects' means; NaN if one of them has none
    std::string signature;
};

/// The score in an answer: one object whose only key is "score", a number (or a text that is one) in [0, 5].
[[nodiscard]] inline std::optional<double> parse_score(std::string_view answer) {
    const std::optional<io::Json> value = text::only_value(answer);
    if (!value || value->size() != 1 || !value->contains("score")) return std::nullopt;
    io::Json score = (*value)["score"];
    if (score.is_string()) {
        const auto& shown = score.get_ref<const std::string&>();
        if (shown.empty() || shown.size() > 8 || !io::Json::accept(shown)) return std::nullopt;
        score = io::Json::parse(shown);
    }
    if (!score.is_number()) return std::nullopt;
    const double x = score.get<double>();
    if (!(x >= 0 && x <= 5)) return std::nullopt;   // also NaN
    return x;
}

/// The question put to the judge for one item and aspect.
[[nodiscard]] inline text::Request judge_request(const JudgeItem& item, Aspect aspect, const JudgePrompts& prompts,
                                                 const JudgeOptions& options) {
    text::Request r;
    r.version = join(prompts.version, "/", name_of(aspect));
    r.model = options.model;
    r.temperature = options.temperature;
    r.max_tokens = 64;
    r.system = join(prompts.role, " ", prompts.criteria[static_cast<std::size_t>(aspect)]);
    const bool two = aspect == Aspect::consistency;
    if (two && item.second_prediction.empty())
        fail<UsageError>("judge: consistency needs a second question and answer; item '", item.id, "' has none");
    r.user = join("Question: ", item.question, "\n");
    if (two) r.user += join("Second question: ", item.second_question, "\n");
    r.user += join("Reference: ", item.reference, "\nAnswer: ", item.prediction, "\n");
    if (two) r.user += join("Second answer: ", item.second_prediction, "\n");
    r.user += join("\n", prompts.demand);
    return r;
}

/// Asks until an answer can be read, at most `attempts` times.
template <class Model>
[[nodiscard]] Verdict judge_one(Model& model, text::Request request, int attempts, bool truncate = false) {
    Verdict v;
    for (int i = 0; i < attempts; ++i) {
        request.attempt = i;
        try {
            v.answers.push_back(model(request).text);
        } catch (const text::ModelError& e) {
            v.problem = e.what();
            return v;
        }
        if (const auto score = parse_score(v.answers.back())) {
            v.score = truncate ? std::trunc(*score) : *score;
            return v;
        }
    }
    v.problem = "no answer was one object {\"score\": 0 to 5}";
    return v;
}

/// What the scores depend on: prompts (version and hash), model, temperature, scale, reading of fractions.
[[nodiscard]] inline std::string judge_signature(const JudgePrompts& prompts, const JudgeOptions& options) {
    std::string all = join(prompts.role, "\n", prompts.demand);
    for (const std::string& c : prompts.criteria) all += join("\n", c);
    return join("judge|prompts:", prompts.version, "-", stable_hash(all) % 1000000, "|model:", options.model,
                "|temperature:", options.temperature, "|attempts:", options.attempts, "|scale:0-5|score:",
                options.truncate ? "truncated" : "as-given");
}

namespace detail {

inline AspectMean aspect_mean(Aspect aspect, std::span<const std::vector<Verdict>> items, std::size_t column,
                              const JudgeOptions& options) {
    AspectMean out;
    out.aspect = aspect;
    std::vector<double> scores;
    for (const auto& row : items)
        if (row[column].score) scores.push_back(*row[column].score);
    out.scored = static_cast<std::int64_t>(scores.size());
    out.failed = static_cast<std::int64_t>(items.size()) - out.scored;
    const auto mean_of = [&](auto&& at) {
        double sum = 0;
        for (std::size_t i = 0; i < scores.size(); ++i) sum += at(i);
        return sum / static_cast<double>(scores.size());
    };
    out.mean = out.low = out.high = std::nan("");
    if (scores.empty()) return out;
    out.mean = mean_of([&](std::size_t i) { return scores[i]; });
    Random random{options.seed, column};
    std::vector<double> drawn;
    for (int round = 0; round < options.rounds; ++round)
        drawn.push_back(mean_of([&](std::size_t) { return random.pick(scores); }));
    std::sort(drawn.begin(), drawn.end());
    const auto cut = static_cast<std::size_t>(0.025 * static_cast<double>(drawn.size()));
    if (!drawn.empty()) out.low = drawn[cut], out.high = drawn[drawn.size() - 1 - cut];
    return out;
}

/// work(i) for every i < count on at most `parallel` threads, whose first exception is thrown here.
template <class Work>
void for_each_parallel(std::size_t count, int parallel, const Work& work) {
    std::atomic<std::size_t> next{0};
    std::exception_ptr problem;
    std::mutex mutex;
    const auto run = [&] {
        for (std::size_t i = next++; i < count; i = next++) {
            try {
                work(i);
            } catch (...) {
                const std::lock_guard lock{mutex};
                if (!problem) problem = std::current_exception();
                next = count;
            }
        }
    };
    const std::size_t threads = std::min(count, static_cast<std::size_t>(std::clamp(parallel, 1, 64)));
    std::vector<std::thread> pool;
    for (std::size_t t = 1; t < threads; ++t) pool.emplace_back(run);
    run();
    for (std::thread& t : pool) t.join();
    if (problem) std::rethrow_exception(problem);
}

}  // namespace detail

/// Judges every item in every aspect. `model` is callable as text::LanguageModel; with options.parallel above 1 it is
/// called from several threads. The result does not depend on the number of threads.
template <class Model>
[[nodiscard]] Judgement judge(Model& model, std::span<const JudgeItem> items, const JudgeOptions& options,
                              const JudgePrompts& prompts = {}) {
    if (items.empty() || options.aspects.empty() || options.attempts < 1)
        fail<UsageError>("judge: needs items, aspects and at least one attempt; got ", items.size(), ", ",
                         options.aspects.size(), ", ", options.attempts);
    Judgement out;
    const std::size_t columns = options.aspects.size();
    out.items.assign(items.size(), std::vector<Verdict>(columns));
    detail::for_each_parallel(items.size() * columns, options.parallel, [&](std::size_t k) {
        const text::Request request = judge_request(items[k / columns], options.aspects[k % columns], prompts, options);
        out.items[k / columns][k % columns] = judge_one(model, request, options.attempts, options.truncate);
    });
    for (std::size_t c = 0; c < columns; ++c) {
        out.aspects.push_back(detail::aspect_mean(options.aspects[c], out.items, c, options));
        out.mean += out.aspects.back().mean / static_cast<double>(columns);
    }
    out.signature = judge_signature(prompts, options);
    return out;
}

/// The wording for rewriting a reference: the upper limit of the paper's table 4.
struct RewritePrompt {
    std::string version = "svad-rewrite-1";
    std::string system = "Say the given description of a video in other words. Keep every fact, every detail and the order "
                         "of events; add nothing. Keep the language. Reply with the new description only.";
};

/// Each description in the model's own words, to be scored by the ordinary metrics; nothing where the model gave no
/// text (a failure, never an empty sentence with a score of 0).
template <class Model>
[[nodiscard]] std::vector<std::optional<std::string>> rewrite(Model& model, std::span<const std::string> references,
                                                              const JudgeOptions& options, const RewritePrompt& prompt = {}) {
    std::vector<std::optional<std::string>> out(references.size());
    detail::for_each_parallel(references.size(), options.parallel, [&](std::size_t i) {
        text::Request r{prompt.version, options.model, prompt.system, references[i], options.temperature, 1024, 0};
        for (; r.attempt < options.attempts && !out[i]; ++r.attempt) {
            try {
                const std::string said = model(r).text;
                const std::size_t begin = said.find_first_not_of(" \t\r\n");
                if (begin != std::string::npos) out[i] = said.substr(begin, said.find_last_not_of(" \t\r\n") + 1 - begin);
            } catch (const text::ModelError&) {
                return;
            }
        }
    });
    return out;
}

}  // namespace svad::metrics
