// SPDX-License-Identifier: Apache-2.0
// Info probe(path): what a file says about its video before a frame is decoded.
//
// Promise: nothing but the container and the decoder's parameters is read, so it is quick for files of any length; what
// the file does not say is 0 or empty. Counts and lengths are claims: only decoding tells (reader.hpp).
#pragma once

#include "svad/video/decoder.hpp"

#include <string>

namespace svad::video {

#if SVAD_FFMPEG

/// Throws DecodeError for a file that is no video or is beyond the limits.
[[nodiscard]] inline Info probe(const std::string& path, const ReadOptions& options = {}) {
    try {
        return detail::Input{path, options}.info();
    } catch (const io::FileError& error) {
        throw DecodeError(error.what());
    }
}

#else

/// This build has no FFmpeg: always throws UsageError.
[[nodiscard]] inline Info probe(const std::string& path, const ReadOptions& = {}) {
    fail<UsageError>(path, ": this build of svad has no ffmpeg; configure with SVAD_FFMPEG=ON");
}

#endif

}  // namespace svad::video
