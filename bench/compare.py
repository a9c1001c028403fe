# SPDX-License-Identifier: Apache-2.0
"""Runs svad's bench programs and their PyTorch peers in turns and prints figures and ratios; see bench/compare.sh.

train, encode, decode: every mode of both sides is a process that does one step when it is asked; a round asks each once, in an
order that moves on from round to round, so that what else the machine does meets all alike. gemm: whole runs in turns.
"""
import argparse
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).parent


class Served:
    """A bench program that does one step a line."""

    def __init__(self, name, command):
        self.name, self.ms, self.memory = name, [], None
        self.process = subprocess.Popen(command + ["--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE if "--compile" in command else None, text=True)
        self.alive = self.process.stdout.readline() == "ready\n"

    def step(self):
        time.sleep(0.03)                                # what spins behind the last step of another program ends first
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.ms.append(float(self.process.stdout.readline()))

    def close(self):
        self.process.stdin.close()
        for line in self.process.stdout:
            if line.startswith("peak_rss"):
                self.memory = float(line.split()[1])
        self.process.wait()
        self.median = statistics.median(self.ms)
        print(f"{self.name:28} {self.median:9.1f} ms ({min(self.ms):.1f} to {max(self.ms):.1f})   peak_rss {self.memory:.0f} MiB", flush=True)


def served(a):
    ours, theirs = [], []
    for side, list_, modes in (("svad", ours, ("f32", "bf16")), ("pytorch", theirs, ("f32", "bf16", "f32 compiled", "bf16 compiled"))):
        for mode in modes:
            dtype = mode.split()[0]
            command = [a.svad] if side == "svad" else [sys.executable, str(HERE / "peer.py")]
            command += [a.what, "--config", a.config, "--dtype", dtype, "--threads", str(a.threads)] + ["--compile"] * ("compiled" in mode)
            program = Served(f"{side} {mode}", command)
            if program.alive:
                list_.append(program)
            elif "compiled" in mode:
                last = program.process.stderr.read().strip().splitlines()[-1:]
                print(f"{program.name:28} does not run here: {' '.join(last)[:200]}", flush=True)
            else:
                sys.exit(f"compare: {program.name} does not start")
    programs = ours + theirs
    for round_ in range(a.rounds):
        for i in range(len(programs)):
            programs[(i + round_) % len(programs)].step()
    for program in programs:
        program.close()
    best, peer = (min(side, key=lambda p: p.median) for side in (ours, theirs))
    plain = [next(p for p in side if p.name.endswith("f32")) for side in (ours, theirs)]
    print(f"best: {best.name}, {peer.name}")
    print(f"ratio memory {a.config} {best.memory / min(p.memory for p in theirs):.3f}")
    print(f"ratio {a.what}_f32 {a.config} {plain[0].median / plain[1].median:.3f}")
    print(f"ratio {a.what} {a.config} {best.median / peer.median:.3f}")


def rates(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"compare: {command[0]} failed:\n{done.stderr[-2000:]}")
    lines = [line.split() for line in done.stdout.splitlines()]
    return {words[0]: float(words[1]) for words in lines if len(words) > 1 and words[0].startswith("gemm_")}


def gemm(a):
    ours, theirs = {}, {}
    for _ in range(a.rounds):
        for side, command in ((ours, [a.svad]), (theirs, [sys.executable, str(HERE / "peer.py"), "gemm"])):
            for shape, rate in rates([*command, "--threads", str(a.threads)]).items():
                side.setdefault(shape, []).append(rate)
    worst = 0
    for shape, rates_ in theirs.items():
        if shape not in ours:
            print(f"{shape:32} svad has no figure")
            continue
        mine, peer = statistics.median(ours[shape]), statistics.median(rates_)
        worst = max(worst, peer / mine)
        print(f"{shape:32} svad {mine:8.1f} pytorch {peer:8.1f} GFLOP/s   ratio {peer / mine:.3f}")
    print(f"ratio gemm worst {worst:.3f}")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("what", choices=["train", "encode", "decode", "gemm"])
    p.add_argument("config", choices=["demo", "small"])
    p.add_argument("svad")
    p.add_argument("--rounds", type=int, default=9)
    p.add_argument("--threads", type=int, default=2)
    a = p.parse_args()
    gemm(a) if a.what == "gemm" else served(a)


main()
