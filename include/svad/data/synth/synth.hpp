// SPDX-License-Identifier: Apache-2.0
//
// A data set of synthetic advertisements on disk: H.264 MP4 files and one JSONL manifest a part.
// Promise: the bytes depend on the options only, not on threads or on how often the work was interrupted: a
// clip is a function of (seed, index), finished videos are kept, files appear whole or not at all. The folder
// remembers its options and refuses others, since half of each would be wrong without a sign of it.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "svad/core/config.hpp"
#include "svad/core/parallel.hpp"
#include "svad/data/synth/grammar.hpp"
#include "svad/data/synth/render.hpp"
#include "svad/io/file.hpp"
#include "svad/io/json.hpp"
#include "svad/video/writer.hpp"

namespace svad::data::synth {

/// How much to make, and how. `threads` 0 leaves the pool as it is.
struct SynthOptions {
    Index primary = 600;    ///< finely described clips to train on
    Index held_out = 100;   ///< the same kind, to test on
    Index auxiliary = 1200; ///< clips with short titles
    Index pretrain = 600;   ///< clips of the primary world, mostly with very short statements
    std::uint64_t seed = 1;
    int size = 128; ///< pixels, even
    int crf = 20;
    int references = 3; ///< descriptions of each held-out clip, from 1
    int threads = 0;
};

/// The parts of a data set.
enum class Part : std::uint8_t { primary_train, primary_test, auxiliary_train, pretrain };
inline constexpr std::array<std::string_view, 4> kPartNames{"primary_train", "primary_test",
                                                            "auxiliary_train", "pretrain"};
/// The name of a part: its manifest is "<name>.jsonl", its videos lie in "videos/<name>".
inline std::string_view name_of(Part part) { return kPartNames[static_cast<std::size_t>(part)]; }

/// Scene number i of a part. The parts never share a scene.
inline Scene scene_of(Part part, std::uint64_t seed, Index i) {
    const auto offset = static_cast<std::uint64_t>(part) << 32;
    return sample_scene(seed, offset + static_cast<std::uint64_t>(i),
                        part == Part::auxiliary_train ? Domain::auxiliary : Domain::primary);
}

namespace detail {

/// Keywords as annotations carry them: canonical words, and before it the plural where the text has it.
/// Actions are of the kinds "action1" and "action2", by their place in time.
inline io::Json keyword_list(const std::vector<Caption>& captions, const ClipTruth& truth) {
    std::vector<std::pair<std::string, std::string>> pairs;
    const auto add = [&](std::string text, std::string kind) {
        std::pair<std::string, std::string> pair{std::move(text), std::move(kind)};
        if (std::find(pairs.begin(), pairs.end(), pair) == pairs.end()) pairs.push_back(std::move(pair));
    };
    for (const bool plurals : {true, false})
        for (const Caption& caption : captions)
            for (const Mention& m : caption.keywords) {
                const std::string kind(word(m.kind));
                if (m.kind == Kind::object) {
                    const auto object = static_cast<Object>(m.value);
                    if (plurals && m.text == plural(object)) add(m.text, kind);
                    if (!plurals) add(std::string(word(object)), kind);
                } else if (!plurals && m.kind == Kind::action) {
                    const bool first = m.value == static_cast<std::size_t>(truth.actions[0]);
                    add(m.text, first ? "action1" : "action2");
                } else if (!plurals) {
                    std::string lower = m.text;
                    lower[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(lower[0])));
                    add(std::move(lower), kind);
                }
            }
    // What no caption happened to say is listed too: the words are known for every clip.
    for (const auto& [value, kind] : {std::pair{word(truth.object), "object"}, {word(truth.colour), "colour"}, {word(truth.side), "side"},
                                      {word(truth.count), "count"}, {word(truth.material), "material"}, {word(truth.place), "place"},
                                      {word(truth.person), "person"}})
        add(std::string(value), kind);
    for (std::size_t i = 0; i < truth.actions.size(); ++i)
        add(std::string(word(truth.actions[i])), i == 0 ? "action1" : "action2");
    io::Json list = io::Json::array();
    for (auto& [text, kind] : pairs) list.push_back(io::object({{"word", std::move(text)}, {"kind", std::move(kind)}}));
    return list;
}

inline std::string clip_name(Index i) {
    std::string digits = std::to_string(i);
    return std::string(digits.size() < 6 ? 6 - digits.size() : 0, '0') + digits;
}

inline io::Json options_record(const SynthOptions& o) {
    return io::object({{"generator", "svad synth 1"}, {"seed", o.seed}, {"size", o.size}, {"crf", o.crf}});
}

inline void check(const SynthOptions& o) {
    for (const Index n : {o.primary, o.held_out, o.auxiliary, o.pretrain})
        if (n < 0 || n > 1000000)
            fail<UsageError>("write_dataset: each part must have 0 to 1000000 clips; got ", n,
                             "; choose fewer");
    if (o.size < 16 || o.size > 1024 || o.size % 2 != 0)
        fail<UsageError>("write_dataset: size must be even and from 16 to 1024; got ", o.size, "; use 128");
    if (o.references < 1 || o.references > 100)
        fail<UsageError>("write_dataset: references must be from 1 to 100; got ", o.references, "; use 3");
}

} // namespace detail

/// The line of the manifest for one clip. Primary clips have one description, held-out ones further wordings
/// in `descriptions`, pre-training clips several short statements and a long description.
inline io::Json manifest_line(Part part, const Scene& scene, Index i, int references = 3) {
    const std::string name = detail::clip_name(i);
    std::vector<Caption> captions;
    if (part == Part::pretrain) {
        captions = short_facts(scene);
        captions.push_back(describe(scene));
    } else {
        const int wordings = part == Part::primary_test ? references : 1;
        for (int k = 0; k < wordings; ++k) captions.push_back(describe(scene, static_cast<std::uint64_t>(k)));
    }
    io::Json line = io::object({{"id", std::string(name_of(part)) + "/" + name},
                  {"video", "videos/" + std::string(name_of(part)) + "/" + name + ".mp4"},
                  {"branch", part == Part::auxiliary_train ? "auxiliary" : "primary"},
                  {"description", captions[0].text},
                  {"keywords", detail::keyword_list(captions, scene.truth)},
                  {"truth", to_json(scene.truth)}});
    if (captions.size() > 1) {
        io::Json more = io::Json::array();
        for (std::size_t k = 1; k < captions.size(); ++k) more.push_back(captions[k].text);
        line["descriptions"] = std::move(more);
    }
    return line;
}

#if SVAD_FFMPEG

/// Renders and encodes the whole clip. The file appears complete or not at all.
inline void write_video(const std::string& path, const Scene& scene, int size = 128, int crf = 20) {
    video::WriteOptions options;
    options.width = size;
    options.height = size;
    options.fps = kFps;
    options.crf = crf;
    video::VideoWriter writer(path, options);
    for (Index frame = 0; frame < scene.frames; ++frame) writer.write(render(scene, frame, size));
    writer.finish();
}

/// Makes the data set in `folder`, which may hold an unfinished one of the same options. `progress(done,
/// total)` is called after each clip, from the thread that finished it. Throws UsageError where the folder
/// holds another data set.
template <class Progress>
void write_dataset(const std::string& folder, const SynthOptions& options, Progress&& progress) {
    detail::check(options);
    const std::string mark = folder + "/synth.json";
    const io::Json record = detail::options_record(options);
    io::make_directories(folder);
    if (!io::exists(mark))
        io::write_json(mark, record);
    else if (const io::Json old = io::read_json(mark); io::dump(old) != io::dump(record))
        fail<UsageError>("write_dataset: ", folder, " holds another data set; got ", io::dump(record),
                         " against ", io::dump(old), "; choose an empty folder");
    const std::array<Index, 4> sizes{options.primary, options.held_out, options.auxiliary, options.pretrain};
    std::vector<std::pair<Part, Index>> jobs;
    for (std::size_t p = 0; p < sizes.size(); ++p) {
        io::make_directories(folder + "/videos/" + std::string(kPartNames[p]));
        for (Index i = 0; i < sizes[p]; ++i) jobs.emplace_back(static_cast<Part>(p), i);
    }
    if (options.threads > 0) set_threads(options.threads);
    std::atomic<Index> done{0};
    const auto total = static_cast<Index>(jobs.size());
    parallel_for(total, 1, [&](Index begin, Index end) {
        for (Index job = begin; job < end; ++job) {
            const auto [part, i] = jobs[static_cast<std::size_t>(job)];
            const std::string path =
                folder + "/videos/" + std::string(name_of(part)) + "/" + detail::clip_name(i) + ".mp4";
            if (!io::exists(path))
                write_video(path, scene_of(part, options.seed, i), options.size, options.crf);
            progress(done.fetch_add(1) + 1, total);
        }
    });
    for (std::size_t p = 0; p < sizes.size(); ++p) {
        const auto part = static_cast<Part>(p);
        std::string lines;
        for (Index i = 0; i < sizes[p]; ++i)
            lines +=
                io::dump(manifest_line(part, scene_of(part, options.seed, i), i, options.references)) + "\n";
        io::write_atomic(folder + "/" + std::string(kPartNames[p]) + ".jsonl", lines);
    }
}

/// The same without a report of progress.
inline void write_dataset(const std::string& folder, const SynthOptions& options) {
    write_dataset(folder, options, [](Index, Index) {});
}

#endif // SVAD_FFMPEG

} // namespace svad::data::synth
