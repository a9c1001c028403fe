// SPDX-License-Identifier: Apache-2.0
// The subcommands of the tool: for each its options, how they are parsed, and the function that does the work.
#pragma once

#include "svad/core/config.hpp"
#include "svad/core/error.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace tool {

struct SynthOptions {
    std::string out;
    std::int64_t primary = 1200, held_out = 200, auxiliary = 2400, pretrain = 4000;
    std::uint64_t seed = 2024;
};

struct TrainArguments {
    std::string out, primary, auxiliary, init, stage = "mixed", preset = "demo", precision = "f32", ratio = "weight",
                weights = "f32", system, prompt;
    std::int64_t steps = 1000, batch = 16, save_every = 500, vocabulary = 768, accumulate = 1;
    std::int64_t lora = 0, token_room = 0;
    double rate = 1e-3, warmup = 0.05, lambda_d = 1, lambda_k = 2.5, lambda_words = -1, lambda_naming = -1, auxiliary_share = 0.5, clip = 1;
    std::vector<std::string> freeze;
    std::string lora_on = "decoder.*.attn.?";
    std::uint64_t seed = 17;
    std::string profile;
    bool json = false, unpack = false, merge = false, plan = false;
};

/// A GGUF file in another type.
struct QuantizeOptions {
    std::string from, to, type = "q4_k";
    bool json = false;
};

/// A SVAD-VLM from pre-trained parts.
struct AssembleArguments {
    std::string vision, words, language, out, describe, fill;
    std::int64_t frames = 8, image = 224, queries = 32, gmhra = 4;
    std::uint64_t seed = 17;
    bool json = false;
};

/// A language model that goes on from a text.
struct GenerateOptions {
    std::string model, prompt, chat = "auto", system, precision = "bf16";
    std::int64_t words = 256, top_k = 0;
    double temperature = 0, top_p = 1, repetition = 1;
    std::uint64_t seed = 1;
    bool json = false, plan = false;
};

struct DescribeOptions {
    std::string model, fill, shots, transnet, format = "text", out, system = "svad-vlm", prompt, lora;
    std::vector<std::string> videos;
    std::int64_t beams = 0, words = 0, batch = 8;                  // 0: as the system does
    double least_shot = 0.5;
    bool json = false;
};

/// Captions of any system against references, both from files.
struct CaptionFilesOptions {
    std::string refs, hyps, compare, language = "en", tokenizer, missing = "error", items;
    std::int64_t rounds = 1000;
    std::uint64_t seed = 1;
    bool json = false, intervals = false;
};

struct EvaluateOptions {
    CaptionFilesOptions files;
    std::string model, data, report, captions, run, compare, out, by;
    std::int64_t limit = 0, strips = 12, batch = 16;
    bool json = false;
};

struct StatsOptions {
    std::vector<std::string> manifests;
    std::string html, language = "auto", words = "auto", taggers;
    bool json = false, probe = false;
};

struct TrainTaggerOptions {
    std::string task = "pos", dev, out, lexicon;
    std::vector<std::string> train;
    int epochs = 12, margin = 5, learners = 4;
    std::int64_t slots = 3'600'000;
    double dropout = 0.3;
    std::uint64_t seed = 1;
};

/// Which language model is asked, and how. The key is read from the environment variable SVAD_API_KEY.
struct ModelOptions {
    std::string endpoint, model, local, cache, chat = "auto";
    int attempts = 3, tries = 6, parallel = 1;
    double timeout = 120;
};

struct JudgeArguments {
    ModelOptions model;
    std::string refs, hyps, question = "Describe the video in detail.", second_question, second_hyps, out, missing = "error";
    std::vector<std::string> aspects;
    std::int64_t rounds = 1000;
    std::uint64_t seed = 1;
    bool json = false, truncate = false;
};

struct RewriteOptions {
    ModelOptions model;
    CaptionFilesOptions files;   ///< refs and how to score
    std::string out;
};

struct KeywordOptions {
    ModelOptions model;
    std::string manifest, out, by = "tagger", language = "auto", taggers;
    std::int64_t limit = 32;
    bool json = false;
};

/// The annotation file of a public caption set as a manifest of ours.
struct DatasetConvertOptions {
    std::string set, file, videos, out, language = "en", branch = "auxiliary", split;
    bool json = false;
};

struct DatasetPackOptions {
    std::string source, out;
    std::int64_t shard_mib = 1024;
    bool json = false;
};

struct DatasetUnpackOptions {
    std::vector<std::string> shards;
    std::string out;
};

/// The stages of building a data set from raw videos; see dataset.hpp.
struct DatasetOptions {
    std::string folder;                          ///< of the data set
    std::vector<std::string> from;               ///< folders, files and manifests of videos
    std::string category, detector = "adaptive", transnet;
    double brief_seconds = 2, brief_share = 0.3, least_seconds = 2;
    std::int64_t clips = 0;                      ///< sample size; 0: all
    double test = 0.1;
    std::uint64_t seed = 1;
    std::string language, taggers;
    std::int64_t least_words = 5;
    int jobs = 0;
    bool strict = false, json = false;
};

/// The page on which people write and review the annotations of a data-set folder.
struct AnnotateOptions {
    std::string folder, write, reviewer;
    int port = 0;
    std::int64_t strips = 200;
};

CLI::App* add_synth(CLI::App& app, SynthOptions& options);
CLI::App* add_train(CLI::App& app, TrainArguments& options);
CLI::App* add_assemble(CLI::App& app, AssembleArguments& options);
CLI::App* add_describe(CLI::App& app, DescribeOptions& options);
CLI::App* add_evaluate(CLI::App& app, EvaluateOptions& options);
CLI::App* add_stats(CLI::App& app, StatsOptions& options);
CLI::App* add_train_tagger(CLI::App& app, TrainTaggerOptions& options);
CLI::App* add_judge(CLI::App& app, JudgeArguments& options);
CLI::App* add_generate(CLI::App& app, GenerateOptions& options);
CLI::App* add_chat(CLI::App& app, GenerateOptions& options);
CLI::App* add_quantize(CLI::App& app, QuantizeOptions& options);
CLI::App* add_rewrite(CLI::App& app, RewriteOptions& options);
CLI::App* add_keywords(CLI::App& app, KeywordOptions& options);
CLI::App* add_dataset_convert(CLI::App& dataset, DatasetConvertOptions& options);
/// Adds build and every stage; each sets `code` when it is called.
void add_dataset_stages(CLI::App& dataset, DatasetOptions& options, int& code);
CLI::App* add_dataset_pack(CLI::App& dataset, DatasetPackOptions& options);
CLI::App* add_dataset_unpack(CLI::App& dataset, DatasetUnpackOptions& options);
CLI::App* add_annotate(CLI::App& dataset, AnnotateOptions& options);

int synth(const SynthOptions& options);
int train(const TrainArguments& options);
int train_system(const TrainArguments& options);
int assemble(const AssembleArguments& options);
int describe(const DescribeOptions& options);
int describe_by_system(const DescribeOptions& options);
int evaluate(const EvaluateOptions& options);
int evaluate_files(const CaptionFilesOptions& options);
int stats(const StatsOptions& options);
int train_tagger(const TrainTaggerOptions& options);
int judge(const JudgeArguments& options);
int generate(const GenerateOptions& options);
int chat(const GenerateOptions& options);
int quantize(const QuantizeOptions& options);
int rewrite(const RewriteOptions& options);
int keywords(const KeywordOptions& options);
int dataset_convert(const DatasetConvertOptions& options);
int dataset_pack(const DatasetPackOptions& options);
int dataset_unpack(const DatasetUnpackOptions& options);
int annotate(const AnnotateOptions& options);

}  // namespace tool
