// SPDX-License-Identifier: Apache-2.0
// Fixtures of decoding: every file as its description says, from the count and the times of its frames to their bits.
#include "runner.hpp"

#include "svad/video/probe.hpp"
#include "svad/video/reader.hpp"

#include <cmath>

#if SVAD_FFMPEG
extern "C" {
#include <libavutil/md5.h>
}
#endif

namespace goldens {

#if SVAD_FFMPEG

namespace {

/// Limits of a comparison of colours: versions of libswscale round differently, by up to 1.7 levels in a mean.
constexpr double levels = 2;

std::string md5_of(const AVFrame& frame) {
    const auto format = static_cast<AVPixelFormat>(frame.format);
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(av_image_get_buffer_size(format, frame.width, frame.height, 1)));
    av_image_copy_to_buffer(bytes.data(), static_cast<int>(bytes.size()), frame.data, frame.linesize, format, frame.width, frame.height, 1);
    std::uint8_t sum[16];
    av_md5_sum(sum, bytes.data(), bytes.size());
    char text[33];
    for (int i = 0; i < 16; ++i) std::snprintf(text + 2 * i, 3, "%02x", sum[i]);
    return text;
}

/// Mean of each channel of rows y0 .. y1 and columns x0 .. x1.
std::array<double, 3> mean_of(const Tensor<std::uint8_t>& frame, Index y0, Index y1, Index x0, Index x1) {
    std::array<double, 3> sum{};
    for (Index y = y0; y < y1; ++y) {
        const std::uint8_t* p = frame.data() + (y * frame.size(1) + x0) * 3;
        for (Index x = x0; x < x1; ++x)
            for (double& s : sum) s += *p++;
    }
    for (double& s : sum) s /= static_cast<double>(std::max<Index>(1, (y1 - y0) * (x1 - x0)));
    return sum;
}

double distance(const std::array<double, 3>& got, const Json& want) {
    double worst = 0;
    for (std::size_t c = 0; c < 3; ++c) worst = std::max(worst, std::abs(got[c] - want.at(c).get<double>()));
    return worst;
}

/// Compares one file, frame by frame, with its description.
class FileCheck {
public:
    FileCheck(const Json& golden, std::string file, Report& report)
        : golden_(golden), want_(golden.at("decode")), file_(std::move(file)), report_(report),
          codec_(want_.value("codec", "") == "libdav1d" ? "av1" : want_.value("codec", "")),   // PyAV names the decoder
          exact_(std::set<std::string>{"h264", "hevc", "vp8", "vp9", "av1"}.count(codec_) > 0) {}

    void sound() {
        walk();
        check_count();
        check_info();
        report_.same("size", size_ == want_.at("size_after_rotation").get<std::vector<Index>>(), "differs");
        report_.near("colours", color_, 0, 0, levels);
        report_.near("grid", grid_, 0, 0, levels);
        report_.near("times", time_, 0, 0, 1e-6);
        report_.equal("key frames", keys_, want_.at("key_frames").get<std::vector<std::int64_t>>());
        report_.same("picture types", types_ == want_.at("pict_types").get<std::string>(), "are " + types_);
        report_.equal("interlaced", {interlaced_}, {want_.at("interlaced_frames").get<std::int64_t>()});
        if (exact_) report_.same("bits", different_ == 0, join(different_, " frames have other bits"));
        check_sampling();
    }

    /// As many frames as the references found, by either way of reading.
    void damaged() {
        for (const bool all : {false, true}) {
            count_ = video::read(file_, video::Uniform{4}, {.decode_all = all}).total_frames;
            check_count();
        }
    }

    void refused() {
        try {
            (void)video::read(file_);
            report_.fail("was decoded");
        } catch (const video::DecodeError& e) {
            const std::string text = e.what();
            report_.same("error", text.starts_with(file_) && text.find('\n') == std::string::npos, text);
        }
    }

private:
    void walk() {
        const video::ReadOptions options;
        video::detail::Input input{file_, options};
        video::detail::RgbConverter converter{file_, input.quarter_turns(), options};
        const auto frame = video::detail::new_frame();
        Tensor<std::uint8_t> image;
        for (; input.next(*frame); ++count_) {
            if (count_ == 0) {
                image = Tensor<std::uint8_t>(converter.shape(*frame));
                size_ = {image.size(1), image.size(0)};
            }
            compare(input, *frame, converter, image);
            av_frame_unref(frame.get());
        }
    }

    void compare(const video::detail::Input& input, const AVFrame& frame, video::detail::RgbConverter& converter, Tensor<std::uint8_t>& image) {
        const auto i = static_cast<std::size_t>(count_);
        if (frame.key_frame != 0) keys_.push_back(count_);
        types_ += av_get_picture_type_char(frame.pict_type);
        interlaced_ += frame.interlaced_frame != 0;
        check_time(input.seconds(frame, count_), i);
        const Json& md5 = golden_.at("ffmpeg_5_1").at("frame_md5");
        if (exact_ && i < md5.size()) different_ += md5_of(frame) != md5[i].get<std::string>();
        if (i >= want_.at("mean_rgb").size()) return;
        converter.convert(frame, image.data());
        const Index H = image.size(0), W = image.size(1);
        color_ = std::max(color_, distance(mean_of(image, 0, H, 0, W), want_.at("mean_rgb")[i]));
        const Json& grid = want_.at("grid4x4_mean_rgb_after_rotation");
        const auto cells = grid.find(std::to_string(count_));
        if (cells == grid.end()) return;
        for (Index r = 0; r < 4; ++r)
            for (Index q = 0; q < 4; ++q)
                grid_ = std::max(grid_, distance(mean_of(image, r * H / 4, (r + 1) * H / 4, q * W / 4, (q + 1) * W / 4),
                                                 cells->at(static_cast<std::size_t>(r)).at(static_cast<std::size_t>(q))));
    }

    void check_time(double seconds, std::size_t i) {
        const bool monotonic = want_.at("pts_monotonic").get<bool>();
        const Json& pts = monotonic ? want_.at("pts") : golden_.at("ffmpeg_5_1").at("best_effort_pts");
        if (i >= pts.size() || !pts[i].is_number()) return;
        const std::string base = want_.at("time_base");
        const double unit = std::stod(base) / std::stod(base.substr(base.find('/') + 1));
        time_ = std::max(time_, std::abs(seconds - pts[i].get<double>() * unit));
    }

    void check_count() {
        const auto accepted = golden_.at("accept_n_frames").get<std::vector<Index>>();
        report_.same("frames", std::find(accepted.begin(), accepted.end(), count_) != accepted.end(), join("there are ", count_));
    }

    void check_info() {
        const video::Info info = video::probe(file_);
        const int degrees = want_.at("rotation_ccw_degrees").get<int>();
        report_.equal("rotation", {info.quarter_turns}, {((degrees / 90) % 4 + 4) % 4});
        report_.same("codec", info.codec == codec_, "is " + info.codec);
        const Json& sar = want_.at("sar");
        if (!sar.is_string() || sar == "None") return;
        const std::string ratio = sar;
        const std::size_t slash = ratio.find('/');
        const double value = std::stod(ratio) / (slash == std::string::npos ? 1 : std::stod(ratio.substr(slash + 1)));
        report_.near("pixel aspect", info.pixel_aspect, value, 1e-9);
    }

    void check_sampling() {
        const video::Clip quick = video::read(file_, video::Uniform{5}), whole = video::read(file_, video::Uniform{5}, {.decode_all = true});
        report_.same("read by need", quick.times == whole.times && std::equal(quick.frames.begin(), quick.frames.end(), whole.frames.begin()),
                     "differs from a full decode");
        const Json& sampling = golden_.at("uniform_sampling");
        for (const auto& [way, counts] : sampling.items())
            for (const auto& [n, frames] : counts.items()) {
                const Index N = std::stoi(n);
                const video::Clip clip = video::read(file_, way == "by_time" ? video::Choice(video::UniformTime{N}) : video::Choice(video::Uniform{N}));
                report_.equal(join(way, " ", n), std::vector<std::int64_t>(clip.indices.begin(), clip.indices.end()),
                              frames.get<std::vector<std::int64_t>>());
                report_.same("clip frames", clip.total_frames == count_, join("read() counts ", clip.total_frames));
            }
    }

    const Json &golden_, &want_;
    std::string file_;
    Report& report_;
    std::string codec_;
    bool exact_;   // decoders of this codec give the same bits everywhere
    Index count_ = 0, different_ = 0;
    std::int64_t interlaced_ = 0;
    double color_ = 0, grid_ = 0, time_ = 0;
    std::vector<Index> size_;
    std::vector<std::int64_t> keys_;
    std::string types_;
};

void check_file(const Json& golden, const std::string& file, Report& report) {
    FileCheck check{golden, file, report};
    const std::string expect = golden.at("expect");
    if (expect == "ok") check.sound();
    else if (expect == "partial_or_damaged") check.damaged();
    else check.refused();
}

}  // namespace

void run_video(const std::string& folder, std::vector<Report>& reports) {
    for (const std::string& name : files_in(folder + "/json", {".json"})) {
        Report report("video/" + name.substr(0, name.size() - 5));
        try {
            const Json golden = read_json_file(folder + "/json/" + name);
            check_file(golden, folder + "/" + golden.at("file").get<std::string>(), report);
        } catch (const std::exception& e) {
            report.fail(e.what());
        }
        publish(report, reports);
    }
}

#else

void run_video(const std::string&, std::vector<Report>& reports) {
    Report report("video");
    report.unsupported("this build has no ffmpeg");
    publish(report, reports);
}

#endif

}  // namespace goldens
