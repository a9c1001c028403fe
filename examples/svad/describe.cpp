// SPDX-License-Identifier: Apache-2.0
// svad describe: what a model says of clips, or of the shots of whole videos, as text, JSON lines, subtitles or a page.
// Text and JSON come shot by shot; subtitles and pages when a file is done. A file that cannot be decoded is named and skipped.
#include "commands.hpp"
#include "describe_page.hpp"
#include "report.hpp"

#include "svad/svad.hpp"

#include <cmath>
#include <cstdio>
#include <optional>

namespace tool {

namespace {

using namespace svad;

infer::ShotRule rule_of(const std::string& name) {
    if (name == "content") return infer::ShotRule::content;
    if (name == "adaptive") return infer::ShotRule::adaptive;
    if (name == "hash") return infer::ShotRule::hash;
    return name == "combined" ? infer::ShotRule::combined : infer::ShotRule::none;
}

/// The last part of a path, without slashes at its end.
std::string name_of(const std::string& path) {
    const std::size_t end = path.find_last_not_of('/') + 1;
    return path.substr(0, end).substr(path.substr(0, end).find_last_of('/') + 1);
}

/// The standard output as it comes, or a file that has everything or is not written.
class Output {
public:
    explicit Output(const std::string& path) {
        if (!path.empty()) file_.emplace(path);
    }
    void write(const std::string& text) {
        if (file_) return file_->write(text);
        if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
            fail<io::FileError>("describe: the standard output cannot be written");
    }
    void finish() {
        if (file_) file_->commit();
    }

private:
    std::optional<io::AtomicWriter> file_;
};

/// The arguments with their defaults filled in. Throws UsageError where they contradict each other.
DescribeOptions settled(DescribeOptions o) {
    if (o.json) o.format = "json";
    if (o.beams == 0) o.beams = 1;
    if (o.words == 0) o.words = 96;
    if (!o.prompt.empty() || !o.lora.empty())
        fail<UsageError>("describe: ", o.prompt.empty() ? "--lora" : "--prompt", " goes with another --system than svad-vlm");
    const bool whole = o.format == "srt" || o.format == "vtt" || o.format == "html";
    if (whole && o.videos.size() > 1) fail<UsageError>("describe: --format ", o.format, " takes one video; got ", o.videos.size());
    if (o.shots.empty()) o.shots = whole ? "adaptive" : "none";
    if ((o.shots == "combined") != !o.transnet.empty()) fail<UsageError>("describe: --shots combined needs --transnet, and only it");
    if (!o.fill.empty() && o.fill.find("__") == std::string::npos)
        fail<UsageError>("describe: --fill needs a text with '__' where the word is missing");
    if (!o.fill.empty() && (whole || o.shots != "none")) fail<UsageError>("describe: --fill goes with --shots none, as text or json");
    return o;
}

class Describer {
public:
    explicit Describer(const DescribeOptions& options)
        : options_{options}, captioner_{Captioner::load(options.model)}, out_{options.out} {
        how_.rule = rule_of(options.shots);
        how_.least_seconds = options.least_shot;
        how_.batch = options.batch;
        how_.search.beams = options.beams;
        how_.search.max_new = options.words;
        how_.read.threads = threads();
        if (how_.rule == infer::ShotRule::combined) how_.network = &network_.emplace(infer::load_transnet(options.transnet));
    }

    void file(const std::string& path) {
        if (options_.format == "html") return page(path);
        if (options_.format == "srt" || options_.format == "vtt") return subtitles(path);
        if (how_.rule == infer::ShotRule::none) return clip(path);
        int number = 0;
        infer::describe_video(captioner_, path, how_, [&](const infer::DescribedShot& s, bool) { out_.write(line(path, s, number++)); });
    }
    void finish() { out_.finish(); }

private:
    void clip(const std::string& path) {
        const std::vector clips = {captioner_.frames(path)};
        const std::string text = options_.fill.empty() ? captioner_.describe(clips, how_.search)[0]
                                                       : captioner_.fill(clips, {options_.fill}, how_.search)[0];
        if (options_.format == "json") out_.write(io::dump({{"video", path}, {"text", text}}) + "\n");
        else out_.write(options_.videos.size() == 1 ? text + "\n" : path + ": " + text + "\n");
    }

    /// A shot as a line of text or JSON.
    std::string line(const std::string& path, const infer::DescribedShot& s, int number) const {
        if (options_.format == "json")
            return io::dump(io::object({{"video", path}, {"shot", number}, {"start", s.shot.start}, {"end", s.shot.end},
                                        {"first", s.shot.first}, {"last", s.shot.last}, {"text", s.text}})) + "\n";
        return join(options_.videos.size() == 1 ? "" : path + ": ", infer::clock_time(s.shot.start), " - ",
                    infer::clock_time(s.shot.end), "  ", s.text, "\n");
    }

    void subtitles(const std::string& path) {
        std::vector<infer::TimedText> texts;
        infer::describe_video(captioner_, path, how_, [&](const infer::DescribedShot& s, bool) {
            texts.push_back({s.shot.start, s.shot.end, s.text});
        });
        out_.write(options_.format == "srt" ? infer::srt(texts) : infer::web_vtt(texts));
    }

    void page(const std::string& path) {
        DescriptionPage page;
        page.title = name_of(path);
        infer::describe_video(captioner_, path, how_, [&](const infer::DescribedShot& s, bool is_last) {
            page.shots.push_back({s.shot.start, s.shot.end, s.text, pictures(path, s.shot, is_last, page.aspect)});
        });
        const std::size_t n = page.shots.size();
        page.summary = join(n, n == 1 ? " shot" : " shots", " in ", number(page.shots.back().end, 1), " s; shots: ", options_.shots,
                            "; described by ", name_of(options_.model));
        out_.write(html(page));
    }

    /// Frames of a shot, small, as PNG in base64.
    std::vector<std::string> pictures(const std::string& path, const infer::TimedShot& shot, bool is_last, double& aspect) const {
        constexpr Index count = 6, height = 112;
        std::vector<std::string> out(std::min<std::size_t>(count, static_cast<std::size_t>(shot.last - shot.first + 1)));
        video::ReadOptions read = how_.read;
        read.range = infer::range_of(shot, is_last);
        video::visit_frames(path, video::Uniform{.frames = static_cast<Index>(out.size())},
                            [&](const video::ClipInfo&, Index t, const Tensor<std::uint8_t>& image) {
            aspect = std::clamp(static_cast<double>(image.size(1)) / static_cast<double>(image.size(0)), 0.25, 4.0);
            const auto width = static_cast<Index>(std::lround(static_cast<double>(height) * aspect));
            out[static_cast<std::size_t>(t)] = base64(video::encode_png(video::resize(image, height, width, video::Filter::bilinear)));
        }, read);
        return out;
    }

    const DescribeOptions& options_;
    Captioner captioner_;
    Output out_;
    std::optional<TransNetV2> network_;
    infer::VideoDescriptionOptions how_;
};

}  // namespace

int describe(const DescribeOptions& arguments) {
    if (arguments.system != "svad-vlm") return describe_by_system(arguments);
    const DescribeOptions options = settled(arguments);
    Describer describer(options);
    std::size_t skipped = 0;
    for (const std::string& path : options.videos) {
        try {
            describer.file(path);
        } catch (const svad::video::DecodeError& e) {
            std::fprintf(stderr, "svad: skipped %s\n", e.what());
            ++skipped;
        }
    }
    if (skipped == options.videos.size()) return 1;
    describer.finish();
    return skipped == 0 ? 0 : 3;
}

}  // namespace tool
