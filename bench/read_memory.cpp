// SPDX-License-Identifier: Apache-2.0
// Does reading clips leak? Reads the given files READS times, round and round, and prints the resident memory on the way, always
// at the end of a round and with the allocator's free pages given back, so that only what is held counts.
//   bench_read_memory READS FILE...
// Exit code 1 if the second half of the run, where every file has been seen, moves by more than 1 %.
#include "svad/video/reader.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <malloc.h>
#include <string>
#include <unistd.h>
#include <vector>

int main(int count, char** arguments) {
    if (count < 3) return std::fprintf(stderr, "usage: bench_read_memory READS FILE...\n"), 2;
    const long files = count - 2, rounds = std::max(20L, std::atol(arguments[1]) / files), reads = rounds * files;
    const auto resident = [] {
        long pages = 0, all = 0;
        if (std::FILE* const file = std::fopen("/proc/self/statm", "r")) {
            if (std::fscanf(file, "%ld %ld", &all, &pages) != 2) pages = 0;
            std::fclose(file);
        }
        return static_cast<double>(pages) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1048576;
    };
    double least = 1e300, most = 0;
    long failed = 0;
    for (long i = 0; i < reads; ++i) {
        try {
            (void)svad::video::read_input(arguments[2 + i % files], svad::video::Uniform{8});
        } catch (const svad::video::DecodeError&) {
            ++failed;
        }
        if ((i + 1) % (rounds / 20 * files) != 0) continue;
#ifdef __GLIBC__
        malloc_trim(0);
#endif
        const double now = resident();
        std::printf("%6ld reads: %.1f MiB resident\n", i + 1, now);
        std::fflush(stdout);
        if (i >= reads / 2) least = std::min(least, now), most = std::max(most, now);
    }
    std::printf("second half: %.1f to %.1f MiB, %+.2f %%; %ld of %ld reads were errors\n", least, most, 100 * (most - least) / least, failed, reads);
    return most - least > 0.01 * least ? 1 : 0;
}
