// SPDX-License-Identifier: Apache-2.0
// A data set from nothing: rendered clips as MP4 files, manifests with keywords, and batches read back from them.
#include <svad/svad.hpp>

#include <cstdio>

int main() {
    using namespace svad;
    const std::string folder = "example_10_data";
    data::synth::write_dataset(folder, {.primary = 6, .held_out = 2, .auxiliary = 4, .pretrain = 0, .size = 64});

    const data::Manifest primary = data::read_manifest(folder + "/primary_train.jsonl");
    const data::Manifest auxiliary = data::read_manifest(folder + "/auxiliary_train.jsonl");
    const data::Record& first = primary.records.at(0);
    std::printf("%s\n  %s\n", first.video.c_str(), first.descriptions[0].c_str());
    for (const data::Keyword& k : first.keywords) std::printf("  %-9s %s\n", k.kind.c_str(), k.word.c_str());

    Random random(1, 0);
    if (const auto gap = data::random_blank(data::AnnotatedKeywords{}, first, first.descriptions[0], random))
        std::printf("blanked: %s\n  answer: %s\n", gap->masked.c_str(), gap->answer.word.c_str());

    std::vector<std::string> texts;
    for (const data::Manifest* m : {&primary, &auxiliary})
        for (const data::Record& r : m->records) texts.insert(texts.end(), r.descriptions.begin(), r.descriptions.end());
    const auto tokenizer = text::Tokenizer::train(texts, {.vocabulary = 400});

    data::Loader loader(primary.records, auxiliary.records, tokenizer, data::KeywordKinds::of(primary.records),
                        data::cached_frames({.frames = 8, .size = 64}), {.batch = 4});
    const data::Batch batch = loader.next();
    std::printf("frames %s, %lld rows primary, descriptions %s\n", join(batch.frames.shape()).c_str(),
                static_cast<long long>(batch.primary), join(batch.description.ids.shape()).c_str());
    return loader.skipped().empty() ? 0 : 1;
}
