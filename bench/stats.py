#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""svad stats beside a straightforward Python program that gives the same figures with collections.Counter.

usage: bench/stats.py SVAD [TABLE.tsv[.gz]]

Both read the same table (made up if none is given: 140,200 captions), cut at white space and count words, seconds,
types of 1- to 4-grams, how often they occur, in how many annotations, and the type-annotation curve. They run in turn,
three times, one thread; the figures must agree and the ratio of the medians of wall time is printed.
"""
import collections
import gzip
import json
import math
import random
import subprocess
import sys
import tempfile
import time


def made_up(path):
    chance = random.Random(3)
    with open(path, "w", encoding="utf-8") as file:
        file.write("video\tseconds\tcaption\n")
        for i in range(140_200):
            words = (f"w{int(math.exp(chance.random() * math.log(25_000)))}" for _ in range(chance.randint(2, 17)))
            file.write(f"video{i // 20}\t{5 + i // 20 % 25}\t{' '.join(words)}\n")


def in_python(path):
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8", newline="\n") as file:
        columns = file.readline().rstrip("\n").split("\t")
        rows = [line.rstrip("\n").split("\t") for line in file]
    video, seconds, caption = (columns.index(name) for name in ("video", "seconds", "caption"))
    captions = [row[caption].split() for row in rows]
    ratios = [len(words) / float(row[seconds]) for row, words in zip(rows, captions)]
    out = {"annotations": len(rows), "videos": len({row[video] for row in rows}), "words": sum(map(len, captions)),
           "words_per_second": sum(ratios) / len(rows), "types": [], "once": [], "in_one": [], "curve": []}
    at = {len(rows) * k // 20 for k in range(1, 21)}
    for n in range(1, 5):
        counts, annotations, curve = collections.Counter(), collections.Counter(), []
        for number, words in enumerate(captions, 1):
            grams = list(zip(*(words[i:] for i in range(n))))
            counts.update(grams)
            annotations.update(set(grams))
            if number in at:
                curve.append(len(counts))
        out["types"].append(len(counts))
        out["once"].append(sum(c == 1 for c in counts.values()))
        out["in_one"].append(sum(c == 1 for c in annotations.values()))
        out["curve"].append(curve)
    return out


def in_svad(tool, path):
    text = subprocess.run([tool, "--threads", "1", "stats", "--words", "blanks", "--json", path], capture_output=True, check=True).stdout
    s = json.loads(text)[0]
    grams = [s["ngrams"][str(n)] for n in range(1, 5)]
    return {"annotations": s["annotations"], "videos": s["videos"], "words": s["words"],
            "words_per_second": s["time"]["words_per_second"], "types": [g["types"] for g in grams],
            "once": [g["occurring_once"] for g in grams], "in_one": [g["in_one_annotation_only"] for g in grams],
            "curve": [g["curve"] for g in grams]}


def agree(a, b):
    return all(math.isclose(a[k], b[k], rel_tol=1e-9) if k == "words_per_second" else a[k] == b[k] for k in a)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        path = sys.argv[2] if len(sys.argv) == 3 else folder + "/captions.tsv"
        if len(sys.argv) == 2:
            made_up(path)
        wall = {"python": [], "svad": []}
        for _ in range(3):
            for name, run in (("python", lambda: in_python(path)), ("svad", lambda: in_svad(sys.argv[1], path))):
                start = time.perf_counter()
                figures = run()
                wall[name].append(time.perf_counter() - start)
                first = figures if name == "python" else first
                if not agree(first, figures):
                    sys.exit(f"stats: python says {str(first)[:300]}, svad says {str(figures)[:300]}")
    median = {name: sorted(times)[1] for name, times in wall.items()}
    print(f"{first['annotations']:,} annotations, {first['words']:,} words: svad {median['svad']:.2f} s, "
          f"python {median['python']:.2f} s, {median['python'] / median['svad']:.1f} times")


main()
