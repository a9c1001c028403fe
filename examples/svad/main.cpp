// SPDX-License-Identifier: Apache-2.0
// svad: the library as one command. Each subcommand is a thin call into public functions; see its file.
// Exit codes: 0 done; 1 the work failed (one line on stderr says what and why); 2 the arguments make no sense;
// 3 some inputs were skipped (each named on stderr) but the rest was done; 130 stopped by Ctrl-C, resumable.
#include "commands.hpp"

#include "svad/core/parallel.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>

int main(int argc, char** argv) {
    CLI::App app{"svad: describe short videos in fine spatial and temporal detail; train and score such models"};
    app.set_version_flag("--version", SVAD_VERSION);
    app.require_subcommand(1);
    app.fallthrough();
    int threads = 0;
    app.add_option("--threads", threads, "threads to compute with (default: all)")->check(CLI::Range(1, 1024));

    int code = 0;
    const auto add = [&]<class O>(CLI::App& to, CLI::App* (*make)(CLI::App&, O&), int (*command)(const O&)) {
        const auto options = std::make_shared<O>();
        make(to, *options)->callback([options, command, &threads, &code] {
            if (threads > 0) svad::set_threads(threads);
            code = command(*options);
        });
    };
    add(app, tool::add_synth, tool::synth);
    add(app, tool::add_train, tool::train);
    add(app, tool::add_assemble, tool::assemble);
    add(app, tool::add_describe, tool::describe);
    add(app, tool::add_evaluate, tool::evaluate);
    add(app, tool::add_stats, tool::stats);
    add(app, tool::add_train_tagger, tool::train_tagger);
    add(app, tool::add_judge, tool::judge);
    add(app, tool::add_rewrite, tool::rewrite);
    add(app, tool::add_keywords, tool::keywords);
    add(app, tool::add_generate, tool::generate);
    add(app, tool::add_chat, tool::chat);
    add(app, tool::add_quantize, tool::quantize);
    CLI::App* const dataset = app.add_subcommand("dataset", "build, convert and pack data sets");
    dataset->require_subcommand(1);
    tool::DatasetOptions dataset_options;
    tool::add_dataset_stages(*dataset, dataset_options, code);
    add(*dataset, tool::add_dataset_convert, tool::dataset_convert);
    add(*dataset, tool::add_dataset_pack, tool::dataset_pack);
    add(*dataset, tool::add_dataset_unpack, tool::dataset_unpack);
    add(*dataset, tool::add_annotate, tool::annotate);

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
