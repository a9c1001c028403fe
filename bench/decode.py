#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Eight uniformly chosen frames of each clip, resized to 224 x 224, one thread each: svad beside PyAV, decord and torchcodec.

    bench/decode.py [--svad build/release/bench/decode] [--rounds 5] FILE...

The programs take turns on the same files, every one warm; a figure is the least of its rounds. svad gives normalised floats
through an antialiased bicubic filter; PyAV and decord resize by libswscale while they convert, which is less work; torchcodec's
frames go through torch's antialiased bicubic. A peer that is not installed is left out and named. The last line is
`ratio decode R`, the best peer's seconds by svad's.
"""
import argparse
import importlib.util
import subprocess
import sys

PEERS = {
    "av": """
import av
def read(path):
    with av.open(path) as f:
        s = f.streams.video[0]; s.thread_type = "NONE"; s.codec_context.thread_count = 1
        n = s.frames
        if not n: n = sum(1 for _ in f.decode(s)); f.seek(0)
        want = {(2 * i + 1) * n // 16 for i in range(8)}; out = []; last = max(want)
        for i, frame in enumerate(f.decode(s)):
            if i in want: out.append(frame.reformat(224, 224, "rgb24", interpolation="BICUBIC").to_ndarray())
            if i == last: break
        return out
""",
    "decord": """
import decord
def read(path):
    r = decord.VideoReader(path, width=224, height=224, num_threads=1); n = len(r)
    return r.get_batch([(2 * i + 1) * n // 16 for i in range(8)]).asnumpy()
""",
    "torchcodec": """
import torch, torchcodec
torch.set_num_threads(1)
def read(path):
    r = torchcodec.decoders.VideoDecoder(path, num_ffmpeg_threads=1); n = len(r)
    f = r.get_frames_at([(2 * i + 1) * n // 16 for i in range(8)]).data
    return torch.nn.functional.interpolate(f, (224, 224), mode="bicubic", antialias=True)
""",
}
LOOP = """
import sys, time
for line in sys.stdin:
    t = time.perf_counter()
    for path in sys.argv[1:]: read(path)
    print(time.perf_counter() - t, flush=True)
"""


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--svad", default="build/release/bench/decode")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("files", nargs="+")
    a = p.parse_args()
    commands = {"svad": [a.svad, *a.files], "svad, whole files": [a.svad, "--whole", *a.files]}
    for name, text in PEERS.items():
        if importlib.util.find_spec(name) is None:
            print(f"{name}: not installed, left out")
        else:
            commands[name] = [sys.executable, "-c", text + LOOP, *a.files]
    runs = {n: subprocess.Popen(c, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for n, c in commands.items()}
    least = {}
    for r in range(a.rounds + 1):   # the first round warms up
        for name, run in list(runs.items()):
            try:
                run.stdin.write("\n")
                run.stdin.flush()
                seconds = float(run.stdout.readline().split()[0])
            except (OSError, IndexError, ValueError):
                print(f"{name}: cannot read these files, left out")
                del runs[name]
                continue
            if r:
                least[name] = min(seconds, least.get(name, seconds))
    for run in runs.values():
        run.stdin.close()
    for name, seconds in least.items():
        print(f"{name:18} {1000 * seconds / len(a.files):9.2f} ms a clip")
    peers = [s for n, s in least.items() if not n.startswith("svad")]
    if not peers:
        sys.exit("decode: no peer could be run")
    print(f"ratio decode {min(peers) / least['svad']:.2f}")


if __name__ == "__main__":
    main()
