#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A language model from a GGUF file: svad beside llama-cpp-python on the same file, the same threads, in turns.

    bench/language.py MODEL.gguf [--svad build/release/bench/language] [--threads 2] [--rounds 5]

Prefill is a prompt of 128 tokens read at once, scores of its last position; decode is 128 tokens, one at a time, behind a prompt
of 5. Figures are tokens a second, the best of the rounds (the machine is shared); svad multiplies in f32, llama.cpp rounds
activations to 8 bits. The last lines are `ratio prefill R` and `ratio decode R`, svad's by llama.cpp's.
"""
import argparse
import subprocess
import sys

PEER = """
import sys, time
from llama_cpp import Llama
model = Llama(sys.argv[1], n_ctx=512, n_threads=int(sys.argv[2]), n_threads_batch=int(sys.argv[2]), n_batch=512, verbose=False)
def prefill():
    model.reset(); start = time.perf_counter(); model.eval([500] * 128); return 128 / (time.perf_counter() - start)
def decode():
    model.reset(); model.eval([504, 3575, 282, 4649, 314]); start = time.perf_counter()
    for _ in range(128): model.eval([model.sample(temp=0.0)])
    return 128 / (time.perf_counter() - start)
prefill()
print("prefill %.1f" % max(prefill() for _ in range(3))); print("decode %.1f" % decode())
"""


def figures(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"language.py: {command[0]} failed:\n{done.stderr[-2000:]}")
    return {line.split()[0]: float(line.split()[1]) for line in done.stdout.splitlines()}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("--svad", default="build/release/bench/language")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=5)
    a = p.parse_args()
    best = {}
    for _ in range(a.rounds):
        for who, command in (("svad", [a.svad, a.model, str(a.threads)]), ("llama.cpp", [sys.executable, "-c", PEER, a.model, str(a.threads)])):
            for what, value in figures(command).items():
                best[who, what] = max(best.get((who, what), 0), value)
    for (who, what), value in sorted(best.items()):
        print(f"{who:10} {what:8} {value:8.1f} tokens/s")
    for what in ("prefill", "decode"):
        print(f"ratio {what} {best['svad', what] / best['llama.cpp', what]:.2f}")


main()
