// SPDX-License-Identifier: Apache-2.0
// The clips that are annotated: DIR/clips.jsonl, and their film strips as JPEG, made when they are first asked for.
//
// Promise: nothing but files that clips.jsonl names is ever opened, and sent only if the name ends like a video or picture;
// at most a few strips are decoded at once; a strip is kept in DIR/strips under a name that follows from the clip and the
// state of its file. Rejected: making all strips first (10,000 clips would keep people waiting for an hour).
#pragma once

#include "svad/data/clips.hpp"

#include <semaphore>
#include <string>
#include <vector>

namespace tool {

/// One line of clips.jsonl.
struct AnnotatedClip : svad::data::ClipRow {
    std::string path;                           ///< the video as the program can open it
};

/// The clips of a data-set folder, sorted by id. Throws FileError or FormatError if the file is not as a stage writes it.
[[nodiscard]] std::vector<AnnotatedClip> read_clips(const std::string& folder);

/// The media type of a file by its name's ending; empty: it is none of a video or picture, and not sent.
[[nodiscard]] std::string media_type(std::string_view path);

/// Film strips of clips; callable from several threads.
class FilmStrips {
public:
    static constexpr svad::Index frames = 8, height = 120, most_width = 240, gap = 3;

    /// Keeps its pictures in `folder`, which is made when the first one is written.
    explicit FilmStrips(std::string folder) : folder_(std::move(folder)) {}

    /// JPEG bytes: frames at uniform times of the clip, side by side. Throws where the video cannot be read.
    [[nodiscard]] std::string get(const AnnotatedClip& clip);

private:
    std::string folder_;
    std::counting_semaphore<8> decoders_{2};
};

/// What FilmStrips keeps, made anew; for pages written to disk.
[[nodiscard]] std::string film_strip(const AnnotatedClip& clip);

}  // namespace tool
