// SPDX-License-Identifier: Apache-2.0
// What this build of svad is and which platform parts it has: the only file that asks.
// SVAD_FFMPEG, SVAD_ZLIB, SVAD_CUDA and SVAD_PRECOMPILED are set by the build; header-only users get CPU and no CUDA.
#pragma once

#define SVAD_VERSION "0.1.0"

#ifndef SVAD_PRECOMPILED
#define SVAD_PRECOMPILED 0
#endif
#ifndef SVAD_CUDA
#define SVAD_CUDA 0
#endif
#ifndef SVAD_FFMPEG
#if defined(__has_include)
#if __has_include(<libavformat/avformat.h>)
#define SVAD_FFMPEG 1
#endif
#endif
#endif
#ifndef SVAD_FFMPEG
#define SVAD_FFMPEG 0
#endif
#ifndef SVAD_ZLIB
#if defined(__has_include)
#if __has_include(<zlib.h>)
#define SVAD_ZLIB 1
#endif
#endif
#endif
#ifndef SVAD_ZLIB
#define SVAD_ZLIB 0
#endif

namespace svad {

/// True where memory recycling would hide bugs from AddressSanitizer; buffers then come straight from the system.
inline constexpr bool sanitized =
#if defined(__SANITIZE_ADDRESS__)
    true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    true;
#else
    false;
#endif
#else
    false;
#endif

}  // namespace svad
