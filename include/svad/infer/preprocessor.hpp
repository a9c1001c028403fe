// SPDX-License-Identifier: Apache-2.0
// preprocessor_config.json of Hugging Face: how frames become a model's input. Sizes in the old form (a number) and the new
// one ({"shortest_edge"}, {"height", "width"}); steps that are switched off are left out; a key that changes numbers and is
// not known here is an error, others are reported as unused.
#pragma once

#include "svad/io/json.hpp"
#include "svad/video/transform.hpp"

#include <array>
#include <set>
#include <string>
#include <vector>

namespace svad::infer {

struct Preprocessor {
    Index shorter = 0;                              ///< the shorter edge becomes this; 0 = height and width are given
    Index height = 224, width = 224;                ///< both edges become this
    bool resizes = true;
    Index crop = 0;                                 ///< the middle square that is kept; 0 = all
    bool square = false;                            ///< first filled up to a square with the mean colour (LLaVA-1.5)
    video::Filter filter = video::Filter::bicubic;
    video::Normalization normalization{};
    std::vector<std::string> unused = {};           ///< keys of the file that say nothing here

    /// Reads the file's text. Throws FormatError with the key that is missing, misshaped or not supported.
    static Preprocessor of(const io::Json& json, const std::string& where) {
        Preprocessor p;
        std::set<std::string> used;
        const auto flag = [&](const char* key, bool otherwise) { return used.insert(key), io::field_or<bool>(json, key, otherwise, where); };
        p.resizes = flag("do_resize", true);
        if (p.resizes && json.contains("size")) p.read_size(json["size"], where);
        const bool crops = flag("do_center_crop", false);
        if (crops && json.contains("crop_size")) p.crop = edge(json["crop_size"], where + ": crop_size");
        p.square = flag("do_pad", false);
        const int resample = io::field_or<int>(json, "resample", 3, where);
        if (resample != 2 && resample != 3) fail<io::FormatError>(where, ": resample ", resample, " is not supported (2 bilinear, 3 bicubic)");
        p.filter = resample == 2 ? video::Filter::bilinear : video::Filter::bicubic;
        const double factor = io::field_or<double>(json, "rescale_factor", 1.0 / 255, where);
        if (!flag("do_rescale", true) || std::abs(factor * 255 - 1) > 1e-6) fail<io::FormatError>(where, ": values must be divided by 255; rescale_factor is ", factor);
        if (flag("do_normalize", true)) {
            p.normalization.mean = three(json, "image_mean", p.normalization.mean, where);
            p.normalization.deviation = three(json, "image_std", p.normalization.deviation, where);
        } else {
            p.normalization = {{0, 0, 0}, {1, 1, 1}};
        }
        for (const char* key : {"size", "crop_size", "resample", "rescale_factor", "image_mean", "image_std"}) used.insert(key);
        for (const auto& [key, value] : json.items()) {
            if (used.contains(key)) continue;
            const bool silent = key == "do_convert_rgb" || !key.starts_with("do_") || value == io::Json(false) || value.is_null();
            if (!silent) fail<io::FormatError>(where, ": '", key, "' is not supported");
            p.unused.push_back(key);
        }
        return p;
    }

    /// Frames [T, H, W, 3] of bytes to [1, T, 3, h, w].
    [[nodiscard]] Tensor<float> operator()(const Tensor<std::uint8_t>& frames) const {
        std::vector<float> all;
        Shape one;
        for (Index t = 0; t < frames.size(0); ++t) {
            Tensor<std::uint8_t> image = frames.slice(t).clone();
            if (square) image = filled(image);
            if (resizes) {
                const auto [h, w] = shorter > 0 ? video::shortest_edge(image.size(0), image.size(1), shorter) : std::pair{height, width};
                image = video::resize(image, h, w, filter);
            }
            if (crop > 0) image = video::center_crop(image, crop);
            const Tensor<float> made = video::normalize(image.reshape({1, image.size(0), image.size(1), 3}), normalization);
            one = made.shape();
            all.insert(all.end(), made.begin(), made.end());
        }
        return Tensor<float>({1, frames.size(0), 3, one[2], one[3]}, all);
    }

private:
    static Index checked(Index n, const std::string& where) {
        if (n < 1 || n > 8192) fail<io::FormatError>(where, " is ", n, ", not within 1 and 8192");
        return n;
    }
    static Index edge(const io::Json& json, const std::string& where) {
        if (json.is_number_integer()) return checked(json.get<Index>(), where);
        const Index h = io::field<Index>(json, "height", where), w = io::field<Index>(json, "width", where);
        if (h != w) fail<io::FormatError>(where, " is ", h, " x ", w, "; only squares are supported");
        return checked(h, where);
    }
    void read_size(const io::Json& size, const std::string& where) {
        if (size.is_number_integer()) shorter = checked(size.get<Index>(), where + ": size");
        else if (size.is_object() && size.contains("shortest_edge")) shorter = checked(io::field<Index>(size, "shortest_edge", where), where + ": size");
        else height = checked(io::field<Index>(size, "height", where), where + ": size"), width = checked(io::field<Index>(size, "width", where), where + ": size");
    }
    static std::array<float, 3> three(const io::Json& json, const char* key, std::array<float, 3> otherwise, const std::string& where) {
        if (!json.contains(key)) return otherwise;
        const auto list = io::field<std::vector<double>>(json, key, where);
        if (list.size() != 3) fail<io::FormatError>(where, ": ", key, " should have three values; got ", list.size());
        for (std::size_t i = 0; i < 3; ++i) otherwise[i] = static_cast<float>(list[i]);
        return otherwise;
    }
    /// The image in the middle of a square of int(255 mean), as LLaVA-1.5 fills it.
    [[nodiscard]] Tensor<std::uint8_t> filled(const Tensor<std::uint8_t>& image) const {
        const Index h = image.size(0), w = image.size(1), side = std::max(h, w), top = (side - h) / 2, left = (side - w) / 2;
        Tensor<std::uint8_t> out({side, side, 3});
        for (Index i = 0; i < out.numel(); ++i) out[i] = static_cast<std::uint8_t>(255 * normalization.mean[static_cast<std::size_t>(i % 3)]);
        for (Index y = 0; y < h; ++y) std::copy_n(image.data() + y * w * 3, w * 3, out.data() + ((top + y) * side + left) * 3);
        return out;
    }
};

/// Of the folder's preprocessor_config.json; without the file, CLIP's for pictures of `image`.
[[nodiscard]] inline Preprocessor preprocessor_of(const std::string& folder, Index image) {
    const std::string where = folder + "/preprocessor_config.json";
    if (io::exists(where)) return Preprocessor::of(io::read_json(where), where);
    Preprocessor p;
    p.height = p.width = image;
    return p;
}

}  // namespace svad::infer
