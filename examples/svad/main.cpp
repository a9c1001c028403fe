// SPDX-License-Identifier: Apache-2.0
// svad: the library as one command. Each subcommand is a thin call into public functions; see its file.
// Exit codes: 0 done; 1 the work failed (one line on stderr says what and why); 2 the arguments make no sense;
// 3 some inputs were skipped (each named on stderr) but the rest was done; 130 stopped by Ctrl-C, resumable.
#include "commands.hpp"

#include "svad/core/parallel.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>

int main(int argc, char** argv) {
    CLI::App app{"svad: describe short videos in fine spatial and temporal detail; train and score such models"};
    app.set_version_flag("--version", SVAD_VERSION);
    app.require_subcommand(1);
    app.fallthrough();
    int threads = 0;
    app.add_option("--threads", threads, "threads to compute with (default: all)")->check(CLI::Range(1, 1024));

    int code = 0;
    const auto run = [&](auto& options, int (*command)(const std::decay_t<decltype(options)>&)) {
        return [&options, command, &threads, &code] {
            if (threads > 0) svad::set_threads(threads);
            code = command(options);
        };
    };
    tool::SynthOptions synth_options;
    tool::add_synth(app, synth_options)->callback(run(synth_options, tool::synth));
    tool::TrainArguments train_options;
    tool::add_train(app, train_options)->callback(run(train_options, tool::train));
    tool::DescribeOptions describe_options;
    tool::add_describe(app, describe_options)->callback(run(describe_options, tool::describe));
    tool::EvaluateOptions evaluate_options;
    tool::add_evaluate(app, evaluate_options)->callback(run(evaluate_options, tool::evaluate));
    tool::StatsOptions stats_options;
    tool::add_stats(app, stats_options)->callback(run(stats_options, tool::stats));
    tool::TrainTaggerOptions tagger_options;
    tool::add_train_tagger(app, tagger_options)->callback(run(tagger_options, tool::train_tagger));
    tool::JudgeArguments judge_options;
    tool::add_judge(app, judge_options)->callback(run(judge_options, tool::judge));
    tool::RewriteOptions rewrite_options;
    tool::add_rewrite(app, rewrite_options)->callback(run(rewrite_options, tool::rewrite));
    tool::KeywordOptions keyword_options;
    tool::add_keywords(app, keyword_options)->callback(run(keyword_options, tool::keywords));
    tool::GenerateOptions generate_options, chat_options;
    tool::add_generate(app, generate_options)->callback(run(generate_options, tool::generate));
    tool::add_chat(app, chat_options)->callback(run(chat_options, tool::chat));
    CLI::App* const dataset = app.add_subcommand("dataset", "build, convert and pack data sets");
    dataset->require_subcommand(1);
    tool::DatasetOptions dataset_options;
    tool::add_dataset_stages(*dataset, dataset_options, code);
    tool::DatasetConvertOptions convert_options;
    tool::add_dataset_convert(*dataset, convert_options)->callback(run(convert_options, tool::dataset_convert));
    tool::DatasetPackOptions pack_options;
    tool::add_dataset_pack(*dataset, pack_options)->callback(run(pack_options, tool::dataset_pack));
    tool::DatasetUnpackOptions unpack_options;
    tool::add_dataset_unpack(*dataset, unpack_options)->callback(run(unpack_options, tool::dataset_unpack));
    tool::AnnotateOptions annotate_options;
    tool::add_annotate(*dataset, annotate_options)->callback(run(annotate_options, tool::annotate));

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        const int status = app.exit(e);
        return status == 0 ? 0 : 2;
    } catch (const svad::UsageError& e) {
        std::fprintf(stderr, "svad: %s\n", e.what());
        return 2;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "svad: %s\n", e.what());
        return 1;
    }
    return code;
}
