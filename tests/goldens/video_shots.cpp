// SPDX-License-Identifier: Apache-2.0
// Fixtures of shot detection: for each video the content and adaptive detectors' figure of every frame and their cuts.
#include "runner.hpp"

#include "svad/video/colour_change.hpp"
#include "svad/video/shots.hpp"

namespace goldens {

#if SVAD_FFMPEG

namespace {

// Levels, and the ratio of two means of them: the fixtures have four places.
constexpr double levels = 1e-3;

/// What the detectors say of a whole video, and what they cut if it is made small first.
struct Detected {
    std::vector<double> value, hue, saturation, lightness;
    std::vector<double> ratio;   // from frame `window` on
    std::vector<std::int64_t> content, adaptive, small_content, small_adaptive;
};

/// Both detectors with the fixture's options.
struct Detectors {
    video::ContentDetector content;
    video::AdaptiveDetector adaptive;

    explicit Detectors(const Json& want)
        : content{{.threshold = want.at("ContentDetector").at("threshold").get<double>(),
                   .least_length = want.at("ContentDetector").at("min_scene_len").get<Index>()}},
          adaptive{{.ratio = want.at("AdaptiveDetector").at("adaptive_threshold").get<double>(),
                    .least_value = want.at("AdaptiveDetector").at("min_content_val").get<double>(),
                    .window = want.at("AdaptiveDetector").at("window_width").get<Index>(),
                    .least_length = want.at("AdaptiveDetector").at("min_scene_len").get<Index>()}} {}
};

Detected detect(const std::string& video, const Json& want) {
    Detected out;
    Detectors full{want}, small{want};
    video::for_each_change(video, [&](Index, double, const std::optional<video::FrameDelta>& change) {
        if (const auto cut = full.content.next(change)) out.content.push_back(*cut);
        if (const auto cut = full.adaptive.next(change)) out.adaptive.push_back(*cut);
        const video::FrameDelta delta = change.value_or(video::FrameDelta{});
        out.value.push_back(full.content.value());
        out.hue.push_back(delta.hue);
        out.saturation.push_back(delta.saturation);
        out.lightness.push_back(delta.value);
        if (full.adaptive.ratio()) out.ratio.push_back(*full.adaptive.ratio());
    });
    video::for_each_change(video, [&](Index, double, const std::optional<video::FrameDelta>& change) {
        if (const auto cut = small.content.next(change)) out.small_content.push_back(*cut);
        if (const auto cut = small.adaptive.next(change)) out.small_adaptive.push_back(*cut);
    }, video::Downscale::automatic);
    return out;
}

/// The numbers of `want`, whose first `skipped` and last `missing` elements must be null.
void check_series(Report& report, const std::string& name, const std::vector<double>& got, const Json& want,
                  std::size_t skipped, double relative, double floor) {
    std::size_t i = 0;
    for (std::size_t at = 0; at < want.size(); ++at) {
        if (want[at].is_null()) continue;
        if (at < skipped || at - skipped >= got.size()) return report.fail(join(name, " has no frame ", at));
        report.near(name, got[at - skipped], want[at].get<double>(), relative, floor);
        ++i;
    }
    report.same(name + ".numbers", i > 0, "the fixture has none");
}

void check_video(Report& report, const std::string& folder, const Json& want) {
    const Json& scenes = want.at("pyscenedetect");
    const Detected got = detect(folder + "/../" + want.at("file").get<std::string>(), scenes);
    const Json& frames = scenes.at("ContentDetector").at("per_frame");
    report.same("frames", got.value.size() == frames.at("content_val").size(), join("are ", got.value.size()));
    check_series(report, "content_val", got.value, frames.at("content_val"), 0, 0, levels);
    check_series(report, "delta_hue", got.hue, frames.at("delta_hue"), 0, 0, levels);
    check_series(report, "delta_sat", got.saturation, frames.at("delta_sat"), 0, 0, levels);
    check_series(report, "delta_lum", got.lightness, frames.at("delta_lum"), 0, 0, levels);
    const auto window = scenes.at("AdaptiveDetector").at("window_width").get<std::size_t>();
    check_series(report, "adaptive_ratio", got.ratio, scenes.at("AdaptiveDetector").at("adaptive_ratio"), window, levels, levels);
    report.equal("content cuts", got.content, scenes.at("ContentDetector").at("cuts").get<std::vector<std::int64_t>>());
    report.equal("adaptive cuts", got.adaptive, scenes.at("AdaptiveDetector").at("cuts").get<std::vector<std::int64_t>>());
    const Json& small = scenes.at("with_default_auto_downscale");
    report.equal("small content cuts", got.small_content, small.at("ContentDetector_cuts").get<std::vector<std::int64_t>>());
    report.equal("small adaptive cuts", got.small_adaptive, small.at("AdaptiveDetector_cuts").get<std::vector<std::int64_t>>());
}

}  // namespace

void run_shots(const std::string& folder, std::vector<Report>& reports) {
    for (const std::string& name : files_in(folder, {".json"})) {
        Report report("shots/" + name.substr(0, name.size() - 5));
        try {
            check_video(report, folder, read_json_file(folder + "/" + name));
        } catch (const std::exception& error) {
            report.fail(error.what());
        }
        publish(report, reports);
    }
    run_shot_detector(folder, reports);
}

#else

void run_shots(const std::string&, std::vector<Report>& reports) {
    Report report("shots");
    report.unsupported("this build has no ffmpeg");
    publish(report, reports);
}

#endif

}  // namespace goldens
