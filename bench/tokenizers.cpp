// SPDX-License-Identifier: Apache-2.0
// The svad side of bench/tokenizers.py: reads one tokenizer and texts (a line each), then answers commands of standard
// input, a line each, with "seconds checksum": ids, offsets (ids with byte ranges) or train. The driver takes turns with the peer.
#include <svad/io/file.hpp>
#include <svad/text/sentencepiece.hpp>
#include <svad/text/tokenizer.hpp>

#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>
#include <span>
#include <string>
#include <vector>

namespace {

using namespace svad;
using Texts = std::vector<std::string>;

/// A number for the ids of all texts in order, their lengths included.
struct Checksum {
    std::uint64_t value = 14695981039346656037u;
    void add(std::span<const std::int32_t> ids) {
        for (const std::int32_t id : ids) put(static_cast<std::uint64_t>(id));
        put(0xFFFFFFFFu);
    }
    void put(std::uint64_t n) { value = (value ^ n) * 1099511628211u; }
};

Texts read_lines(const std::string& path) {
    const std::string all = io::read_file(path);
    Texts lines;
    for (std::size_t start = 0; start < all.size();) {
        const std::size_t end = std::min(all.find('\n', start), all.size());
        lines.push_back(all.substr(start, end - start));
        start = end + 1;
    }
    return lines;
}

struct Job {
    std::function<void(const std::string& text, bool offsets, Checksum&)> encode;
    std::function<void(const Texts&, Checksum&)> train;
};

Job job_of_tokenizer(text::Tokenizer tokenizer) {
    return {[tokenizer = std::move(tokenizer)](const std::string& text, bool offsets, Checksum& sum) {
                if (offsets) sum.add(tokenizer.encode_with(text, {.add_special = false}).ids);
                else sum.add(tokenizer.encode(text));
            },
            {}};
}

Job make_job(const std::string& kind, const std::string& argument, const std::string& pattern) {
    if (kind == "json") return job_of_tokenizer(text::Tokenizer::load(argument));
    if (kind == "tiktoken") return job_of_tokenizer(text::Tokenizer{text::read_tiktoken(io::read_maybe_gzip(argument), pattern, {}, argument)});
    if (kind == "sentencepiece")
        return {[model = text::SentencePiece::load(argument)](const std::string& text, bool, Checksum& sum) { sum.add(model.encode(text).ids); }, {}};
    if (kind == "train")
        return {{}, [vocabulary = std::stoll(argument)](const Texts& texts, Checksum& sum) {
                    const auto made = text::Tokenizer::train(texts, {.vocabulary = vocabulary, .specials = {}});
                    for (const text::IdPair pair : made.merges()) sum.add(std::vector<std::int32_t>{pair.left, pair.right});
                }};
    fail<UsageError>("tokenizers: kind should be json, tiktoken, sentencepiece or train; got ", kind);
}

int run(int argc, char** argv) {
    if (argc < 4) fail<UsageError>("usage: tokenizers KIND FILE-OR-SIZE TEXTS [PATTERN]");
    const Texts texts = read_lines(argv[3]);
    const Job job = make_job(argv[1], argv[2], argc > 4 ? argv[4] : "");
    for (std::string command; std::getline(std::cin, command);) {
        Checksum sum;
        const auto start = std::chrono::steady_clock::now();
        if (job.train) job.train(texts, sum);
        else
            for (const std::string& one : texts) job.encode(one, command == "offsets", sum);
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
        std::printf("%.6f %llu\n", seconds.count(), static_cast<unsigned long long>(sum.value));
        std::fflush(stdout);
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 2;
    }
}
