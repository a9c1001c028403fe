#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Wall time of `svad evaluate --refs --hyps` beside pycocoevalcap, Java tokenizer included, one thread each.

    bench/metrics.py --svad build/examples/svad [--captions FILE.tsv[.gz]] [--coco FILE.json[.gz]] [--rounds 3]

Two sets: --coco, a golden file of scored items with `refs_raw` and `hyp_raw`, and 35,000 items with 3 references of about
40 words, joined from the `caption` column of --captions (without it: drawn from a made vocabulary). The programs take
turns; the ratio is that of the least times. pycocoevalcap is looked for in the running Python, else put into a venv.
The values of both must agree to 1e-6, or the bench fails.
"""
import argparse
import csv
import gzip
import importlib.util
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

REFERENCE = """
import json, sys
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.cider.cider import Cider
refs, hyps = {}, {}
for a in json.load(open(sys.argv[1]))["annotations"]: refs.setdefault(a["image_id"], []).append(a)
for a in json.load(open(sys.argv[2])): hyps[a["image_id"]] = [a]
refs, hyps = PTBTokenizer().tokenize(refs), PTBTokenizer().tokenize(hyps)
bleu = Bleu(4).compute_score(refs, hyps, verbose=0)[0]
print(json.dumps({"BLEU-1": bleu[0], "BLEU-4": bleu[3], "ROUGE-L": Rouge().compute_score(refs, hyps)[0],
                  "CIDEr-D": Cider().compute_score(refs, hyps)[0]}))
"""


def opened(path):
    return gzip.open(path, "rt", encoding="utf-8") if path.endswith(".gz") else open(path, encoding="utf-8")


def write_set(folder, name, items):
    """items: (hypothesis, references). Gives the paths of the COCO-caption files."""
    refs = folder / f"{name}_refs.json"
    hyps = folder / f"{name}_hyps.json"
    refs.write_text(json.dumps({"images": [{"id": i} for i in range(len(items))],
                                "annotations": [{"id": k, "image_id": i, "caption": r}
                                                for i, (_, all_refs) in enumerate(items) for k, r in enumerate(all_refs)]}))
    hyps.write_text(json.dumps([{"image_id": i, "caption": h} for i, (h, _) in enumerate(items)]))
    return str(refs), str(hyps)


def sentences(path, rng):
    if path:
        with opened(path) as file:
            return [row["caption"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row["caption"].strip()]
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(8000)]
    weights = [1 / (k + 1) for k in range(len(words))]
    return [" ".join(rng.choices(words, weights, k=rng.randint(6, 14))) for _ in range(60000)]


def long_items(pool, rng, count=35000):
    def text(start):
        parts = [pool[(start + rng.randint(0, 12)) % len(pool)].strip() for _ in range(4)]
        return ", then ".join([parts[0].capitalize(), parts[1]]) + ". " + "; ".join(parts[2:]) + "."
    starts = [rng.randrange(len(pool)) for _ in range(count)]
    return [(text(s), [text(s) for _ in range(3)]) for s in starts]


def reference_python():
    if importlib.util.find_spec("pycocoevalcap"):
        return sys.executable
    venv = pathlib.Path(tempfile.gettempdir()) / "svad_pycocoevalcap"
    python = venv / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "-q", "pycocoevalcap==1.2"], check=True)
    return str(python)


def timed(command, env):
    start = time.perf_counter()
    out = subprocess.run(command, check=True, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    return time.perf_counter() - start, out


def measure(name, files, commands, rounds):
    env = {**os.environ, "OMP_NUM_THREADS": "1", "_JAVA_OPTIONS": "-XX:ActiveProcessorCount=1"}
    times, values = {"svad": [], "pycocoevalcap": []}, {}
    for _ in range(rounds):
        for program, command in commands.items():
            seconds, out = timed(command + list(files) if program != "svad" else
                                 command + ["--refs", files[0], "--hyps", files[1]], env)
            times[program].append(seconds)
            values[program] = json.loads(out[out.index("{"):])
    ours = values["svad"]["systems"][0]["scores"]
    for key, want in values["pycocoevalcap"].items():
        if abs(ours[key] - want) > 1e-6 * abs(want):
            raise SystemExit(f"metrics: {name}: {key} is {ours[key]} here and {want} there")
    best = {k: min(v) for k, v in times.items()}
    print(f"{name:14s} svad {best['svad']:8.3f} s   pycocoevalcap {best['pycocoevalcap']:8.2f} s   ratio {best['pycocoevalcap'] / best['svad']:6.1f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--svad", required=True)
    parser.add_argument("--captions")
    parser.add_argument("--coco")
    parser.add_argument("--rounds", type=int, default=3)
    a = parser.parse_args()
    rng = random.Random(1)
    commands = {"svad": [a.svad, "--threads", "1", "evaluate", "--json"], "pycocoevalcap": [reference_python(), "-c", REFERENCE]}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        if a.coco:
            with opened(a.coco) as file:
                items = [(i["hyp_raw"], i["refs_raw"]) for i in json.load(file)["items"]]
            measure(f"{len(items)} items", write_set(folder, "coco", items), commands, a.rounds)
        items = long_items(sentences(a.captions, rng), rng)
        measure(f"{len(items)} items", write_set(folder, "long", items), commands, a.rounds)


if __name__ == "__main__":
    main()
