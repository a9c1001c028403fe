// SPDX-License-Identifier: Apache-2.0
// svad dataset annotate: a web page for writing, reviewing and spot-checking the annotations of a data-set folder, served
// on this machine or written to one file.
#include "annotate_page.hpp"
#include "annotate_server.hpp"
#include "commands.hpp"
#include "report.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <filesystem>

namespace tool {

using namespace svad;

CLI::App* add_annotate(CLI::App& dataset, AnnotateOptions& o) {
    auto* c = dataset.add_subcommand("annotate", "write, review and spot-check annotations on a local web page");
    c->add_option("folder", o.folder, "data-set folder with clips.jsonl; saves to its annotations.jsonl")->required()->check(CLI::ExistingDirectory);
    c->add_option("--port", o.port, "port on 127.0.0.1 (default: one that is free)")->check(CLI::Range(0, 65535));
    c->add_option("--reviewer", o.reviewer, "your name, as the page fills it in");
    auto* write = c->add_option("--write", o.write, "write the page to this file instead; it saves by download");
    c->add_option("--strips", o.strips, "with --write: how many clips get a film strip")->needs(write)->check(CLI::Range(0, 100000))->capture_default_str();
    return c;
}

namespace {

/// Half-written files of a run that was killed.
void remove_leftovers(const std::string& folder) {
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.path().filename().string().starts_with("annotations.jsonl.tmp-")) std::filesystem::remove(entry.path());
}

/// The clips as the page on disk holds them: with their film strips as data addresses.
std::string data_with_strips(AnnotationDesk& desk, std::int64_t most, int& failed) {
    io::Json data = io::parse_json(desk.all(), "page");
    for (std::size_t i = 0; i < desk.clips().size() && static_cast<std::int64_t>(i) < most; ++i) {
        try {
            data["clips"][i]["strip"] = "data:image/jpeg;base64," + base64(film_strip(desk.clips()[i]));
        } catch (const Error& e) {
            std::fprintf(stderr, "svad: no film strip: %s\n", e.what());
            ++failed;
        }
    }
    return io::dump(data);
}

int write_page(AnnotationDesk& desk, const AnnotateOptions& o) {
    int failed = 0;
    const std::string data = data_with_strips(desk, o.strips, failed);
    io::write_atomic(o.write, annotation_page(secret(), o.reviewer, data));
    std::fprintf(stderr, "%s: %zu clips; its button downloads annotations.jsonl\n", o.write.c_str(), desk.clips().size());
    return failed > 0 ? 3 : 0;
}

int serve(AnnotationDesk& desk, const AnnotateOptions& o) {
    FilmStrips strips(o.folder + "/strips");
    const std::string nonce = secret();
    const auto ready = [&](const std::string& url) {
        std::printf("%s\n", url.c_str());
        std::fflush(stdout);
        std::fprintf(stderr, "%zu clips; open the address above in a browser (Ctrl-C ends)\n", desk.clips().size());
    };
    serve_annotations(desk, strips, {o.port, annotation_page(nonce, o.reviewer, ""), nonce, ready});
    return 0;
}

}  // namespace

int annotate(const AnnotateOptions& o) {
    std::vector<AnnotatedClip> clips = read_clips(o.folder);
    const std::string path = o.folder + "/annotations.jsonl";
    if (!o.write.empty()) {
        AnnotationDesk desk(std::move(clips), path);
        return write_page(desk, o);
    }
    const io::LockFile lock(path + ".lock");
    remove_leftovers(o.folder);
    AnnotationDesk desk(std::move(clips), path);
    return serve(desk, o);
}

}  // namespace tool
