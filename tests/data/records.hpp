// SPDX-License-Identifier: Apache-2.0
// A small data set without files: records, and frames that are a function of the record's id.
#pragma once

#include "svad/data/loader.hpp"

struct Records {
    std::vector<svad::data::Record> primary, auxiliary;
    svad::text::Tokenizer tokenizer;

    explicit Records(int count = 6, int others = 4) {
        const char* colours[] = {"red", "green", "blue"};
        std::vector<std::string> texts;
        for (int i = 0; i < count + others; ++i) {
            svad::data::Record r;
            const std::string colour = colours[i % 3];
            r.id = r.video = "clip" + std::to_string(i);
            r.primary = i < count;
            r.descriptions = {"a " + colour + " jar is lifted", "someone opens the " + colour + " jar"};
            r.keywords = {{colour, "colour"}, {"jar", "object"}};
            for (const std::string& d : r.descriptions) texts.push_back(" " + d);
            (r.primary ? primary : auxiliary).push_back(r);
        }
        tokenizer = svad::text::Tokenizer::train(texts, {.vocabulary = 300});
    }

    /// Frames [2, 16, 16, 3]; ids in `bad` cannot be decoded.
    static svad::data::FrameSource frames(std::vector<std::string> bad = {}) {
        return [bad](const svad::data::Record& r) {
            for (const std::string& id : bad)
                if (r.id == id) svad::fail<svad::video::DecodeError>(id, ": is broken");
            svad::Tensor<std::uint8_t> clip({2, 16, 16, 3});
            svad::Random random(1, svad::stable_hash(r.id));
            for (svad::Index i = 0; i < clip.numel(); ++i) clip[i] = static_cast<std::uint8_t>(random.below(256));
            return clip;
        };
    }
};
