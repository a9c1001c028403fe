// SPDX-License-Identifier: Apache-2.0
// Colour changes of a file against those of the frames that for_each_frame gives.
#include "svad/video/colour_change.hpp"

#if SVAD_FFMPEG

#include "../io/temp_dir.hpp"
#include "svad/video/reader.hpp"
#include "svad/video/writer.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace svad;
using namespace svad::video;

namespace {

/// Writes 12 frames with moving noise and a change of colour at frame 6.
void write_video(const std::string& path, Index width, Index height) {
    VideoWriter writer{path, {.width = width, .height = height}};
    for (Index t = 0; t < 12; ++t) {
        Tensor<std::uint8_t> frame({height, width, 3});
        for (Index i = 0; i < frame.numel(); ++i) frame[i] = static_cast<std::uint8_t>((i * 7 + t * 31) % (t < 6 ? 251 : 83));
        writer.write(frame);
    }
    writer.finish();
}

using Series = std::vector<double>;

void append(Series& series, const std::optional<FrameDelta>& d) {
    if (d) series.insert(series.end(), {d->hue, d->saturation, d->value});
}

}  // namespace

TEST_CASE("for_each_change: distances are those of the frames as RGB, for widths with any tail") {
    const TempDir folder;
    for (const Index width : {Index{34}, Index{64}, Index{322}}) {
        const std::string path = folder / join(width, ".mp4");
        write_video(path, width, 50);
        Series direct, by_rgb, small, small_by_rgb;
        FrameDifference full_size, small_size;
        Downscaler downscaler{50, width};
        const Timeline line = for_each_frame(path, [&](Index, double, const Tensor<std::uint8_t>& frame) {
            append(by_rgb, full_size.next(frame));
            downscaler.take(frame);
            append(small_by_rgb, small_size.next(downscaler.height(), downscaler.width(), [&](std::size_t y) { return downscaler.line(y); }));
        });
        const Timeline again = for_each_change(path, [&](Index, double, const std::optional<FrameDelta>& d) { append(direct, d); });
        (void)for_each_change(path, [&](Index, double, const std::optional<FrameDelta>& d) { append(small, d); }, Downscale::automatic);
        CAPTURE(width);
        CHECK(line.times == again.times);
        CHECK(direct.size() == 33);
        CHECK(direct == by_rgb);
        CHECK(small == small_by_rgb);
    }
}

TEST_CASE("for_each_change: the range is kept, and a part without frames is an error") {
    const TempDir folder;
    const std::string path = folder / "clip.mp4";
    write_video(path, 64, 48);
    std::vector<Index> indices;
    (void)for_each_change(path, [&](Index i, double, const std::optional<FrameDelta>& d) {
        CHECK(d.has_value() == !indices.empty());
        indices.push_back(i);
    }, Downscale::none, {.range = {0.2, 0.4}});
    CHECK(indices == std::vector<Index>{5, 6, 7, 8, 9});
    CHECK_THROWS_AS((void)for_each_change(path, [](Index, double, const std::optional<FrameDelta>&) {}, Downscale::none, {.range = {9, 10}}),
                    DecodeError);
}

#endif
