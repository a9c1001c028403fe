// SPDX-License-Identifier: Apache-2.0
// The options of svad dataset convert, pack and unpack: how sets come in from elsewhere and go out.
#include "commands.hpp"

#include "svad/data/known_sets.hpp"

#include <CLI/CLI.hpp>

namespace tool {

CLI::App* add_dataset_convert(CLI::App& dataset, DatasetConvertOptions& o) {
    auto* c = dataset.add_subcommand("convert", "make a manifest from the annotation file of a public caption set");
    c->add_option("set", o.set, "which set it is")->required()
        ->check(CLI::IsMember(std::vector<std::string>(svad::data::known_set_names.begin(), svad::data::known_set_names.end())));
    c->add_option("file", o.file, "its annotation file (may be gzip)")->required();
    c->add_option("--videos", o.videos, "folder with its videos or pictures, in any depth")->required();
    c->add_option("--out", o.out, "manifest to write")->required();
    c->add_option("--language", o.language, "which descriptions, where the set has both")->check(CLI::IsMember({"en", "zh"}))->capture_default_str();
    c->add_option("--branch", o.branch, "branch of the dual alignment")->check(CLI::IsMember({"primary", "auxiliary"}))->capture_default_str();
    c->add_option("--split", o.split, "split of all clips, where the file does not say it");
    c->add_flag("--json", o.json, "counts as JSON");
    return c;
}

CLI::App* add_dataset_pack(CLI::App& dataset, DatasetPackOptions& o) {
    auto* c = dataset.add_subcommand("pack", "store videos and annotations as tar shards (WebDataset)");
    c->add_option("source", o.source, "data-set folder (its train.jsonl and test.jsonl), or a manifest")->required();
    c->add_option("--out", o.out, "folder for the shards (default: shards beside the manifest)");
    c->add_option("--shard-mib", o.shard_mib, "size of a shard at most, in MiB")->check(CLI::Range(1, 1 << 20))->capture_default_str();
    c->add_flag("--json", o.json, "the index as JSON");
    return c;
}

CLI::App* add_dataset_unpack(CLI::App& dataset, DatasetUnpackOptions& o) {
    auto* c = dataset.add_subcommand("unpack", "give back the manifests and videos of shards");
    c->add_option("shards", o.shards, "the .tar files")->required();
    c->add_option("--out", o.out, "folder to write to")->required();
    return c;
}

}  // namespace tool
