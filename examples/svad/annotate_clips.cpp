// SPDX-License-Identifier: Apache-2.0
// Reading of clips.jsonl, and film strips: decode the clip's range, shrink, lay side by side, JPEG.
#include "annotate_clips.hpp"

#include "svad/core/random.hpp"
#include "svad/data/annotation_store.hpp"
#include "svad/text/unicode.hpp"
#include "svad/video/picture.hpp"
#include "svad/video/reader.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <set>

namespace tool {

namespace {

using namespace svad;

/// A strip's name: it changes with the clip's range and with the file.
std::string strip_name(const AnnotatedClip& clip) {
    struct stat s {};
    if (::stat(clip.path.c_str(), &s) != 0 || !S_ISREG(s.st_mode)) fail<io::FileError>(clip.path, ": is no regular file");
    const std::string key = join(clip.video, '\n', clip.start, '\n', clip.end, '\n', s.st_size, '\n', s.st_mtim.tv_sec) +
                            join('\n', s.st_mtim.tv_nsec, '\n', FilmStrips::frames, '\n', FilmStrips::height);
    char name[32];
    std::snprintf(name, sizeof name, "%016llx.jpg", static_cast<unsigned long long>(stable_hash(key)));
    return name;
}

}  // namespace

std::vector<AnnotatedClip> read_clips(const std::string& folder) {
    const std::string path = folder + "/clips.jsonl";
    std::vector<AnnotatedClip> out;
    std::set<std::string> ids;
    for (data::ClipRow& row : data::read_clip_rows(path)) {
        if (row.id.empty() || row.id.size() > data::AnnotationLimits{}.id || !ids.insert(row.id).second)
            fail<io::FormatError>(path, ": ids must be unique and of 1 to ", data::AnnotationLimits{}.id, " bytes; got '", row.id.substr(0, 60), "'");
        if (row.video.empty() || row.video.find('\0') != std::string::npos) fail<io::FormatError>(path, ": clip '", row.id, "' names no file");
        std::string video = row.video.front() == '/' ? row.video : folder + "/" + row.video;
        out.push_back({std::move(row), std::move(video)});
    }
    if (out.empty()) fail<io::FormatError>(path, ": has no clip; make it with svad dataset build");
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    return out;
}

std::string media_type(std::string_view path) {
    static constexpr std::array<std::array<std::string_view, 2>, 22> types{{
        {".mp4", "video/mp4"}, {".m4v", "video/mp4"}, {".mov", "video/mp4"}, {".webm", "video/webm"}, {".mkv", "video/x-matroska"},
        {".avi", "video/x-msvideo"}, {".ogv", "video/ogg"}, {".ogg", "video/ogg"}, {".mpg", "video/mpeg"}, {".mpeg", "video/mpeg"},
        {".m2v", "video/mpeg"}, {".ts", "video/mp2t"}, {".m2ts", "video/mp2t"}, {".mts", "video/mp2t"}, {".flv", "video/x-flv"},
        {".wmv", "video/x-ms-wmv"}, {".3gp", "video/3gpp"}, {".gif", "image/gif"}, {".png", "image/png"}, {".jpg", "image/jpeg"},
        {".jpeg", "image/jpeg"}, {".webp", "image/webp"}}};
    const std::string lower = text::to_lower(path.substr(path.size() - std::min<std::size_t>(path.size(), 6)));
    for (const auto& [ending, type] : types)
        if (lower.ends_with(ending)) return std::string(type);
    return {};
}

std::string film_strip(const AnnotatedClip& clip) {
    const video::ReadOptions options{.range = {clip.start, clip.end}};
    const Tensor<std::uint8_t> frames = video::read(clip.path, video::UniformTime{FilmStrips::frames}, options).frames;
    const Index n = frames.size(0), height = frames.size(1), width = frames.size(2);
    const double scale = std::min(static_cast<double>(FilmStrips::height) / static_cast<double>(height),
                                  static_cast<double>(FilmStrips::most_width) / static_cast<double>(width));
    const auto sized = [&](Index side) { return std::max<Index>(1, static_cast<Index>(std::lround(static_cast<double>(side) * scale))); };
    const Index h = sized(height), w = sized(width);
    const Index pitch = w + FilmStrips::gap, whole = n * pitch - FilmStrips::gap;
    Tensor<std::uint8_t> strip(Shape{h, whole, 3}, std::vector<std::uint8_t>(static_cast<std::size_t>(h * whole * 3), 12));
    for (Index t = 0; t < n; ++t) {
        const Tensor<std::uint8_t> small = video::resize(frames.slice(t), h, w, video::Filter::bicubic);
        for (Index y = 0; y < h; ++y) std::copy_n(small.data() + y * w * 3, w * 3, strip.data() + (y * whole + t * pitch) * 3);
    }
    return video::encode_jpeg(strip, 3);
}

std::string FilmStrips::get(const AnnotatedClip& clip) {
    const std::string path = folder_ + "/" + strip_name(clip);
    if (io::exists(path)) return io::read_file(path, 16u << 20);
    decoders_.acquire();
    struct Release {
        std::counting_semaphore<8>& s;
        ~Release() { s.release(); }
    } const release{decoders_};
    const std::string bytes = film_strip(clip);
    io::make_directories(folder_);
    io::write_atomic(path, bytes);
    return bytes;
}

}  // namespace tool
