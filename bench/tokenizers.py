#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Megabytes of captions a second that svad's tokenizers encode, beside the programs whose files they read.

    bench/tokenizers.py --bench build/tokenizers --captions FILE.tsv[.gz] FILE... [--rounds 5] [--only NAME] [--train 8000]

FILE: tokenizer.json (beside Hugging Face's tokenizers), .model (beside sentencepiece), .tiktoken with its .json of
patterns beside it (beside tiktoken); each may end in .gz. The texts are the first 15,000 distinct captions. Every text is
one call, one thread each; the programs take turns, the ratio is the median of the rounds (least to most). `ids` asks svad
for ids only, `offsets` for byte ranges as well, which tokenizers always makes. The ids of all texts must be equal.
--train N learns N byte-level tokens from the texts, beside BpeTrainer with the same cuts.
Peers are looked for in the running Python, else put into a venv; a peer that is missing is told and left out.
"""
import argparse
import csv
import gzip
import importlib.util
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.pop(0)   # this file has the name of a peer
os.environ.update(RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS="1")
PEERS = ("tokenizers", "sentencepiece", "tiktoken")


def opened(path):
    return gzip.open(path, "rb") if str(path).endswith(".gz") else open(path, "rb")


def use_venv():
    """Runs this program again in a venv that has the peers, unless this Python has them."""
    if all(importlib.util.find_spec(p) for p in PEERS) or os.environ.get("SVAD_BENCH_VENV"):
        return
    venv = pathlib.Path(tempfile.gettempdir()) / "svad_tokenizers"
    python = venv / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    if subprocess.run([str(python), "-m", "pip", "install", "-q", *PEERS]).returncode != 0:
        print("tokenizers: the peers could not be installed")
    os.environ["SVAD_BENCH_VENV"] = "1"
    os.execv(python, [str(python), *sys.argv])


def captions(path, count=15000):
    seen = {}
    with opened(path) as file:
        for row in csv.DictReader((line.decode() for line in file), delimiter="\t", quoting=csv.QUOTE_NONE):
            text = row["caption"].strip()
            if text and len(seen) < count:
                seen[text] = None
    return list(seen)


def checksum(lists):
    value = 14695981039346656037
    for ids in lists:
        for i in [*ids, 0xFFFFFFFF]:
            value = ((value ^ i) * 1099511628211) & 0xFFFFFFFFFFFFFFFF
    return value


class Svad:
    def __init__(self, bench, arguments):
        self.process = subprocess.Popen([bench, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if not answer:
            raise SystemExit("tokenizers: the svad side ended")
        return float(answer[0]), int(answer[1])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def peer_of(path):
    """(name, encode function that gives ids, arguments of the svad side) for a file."""
    plain = str(path).removesuffix(".gz")
    if plain.endswith(".model"):
        import sentencepiece
        model = sentencepiece.SentencePieceProcessor(model_file=str(path))
        return "sentencepiece", lambda t: model.encode(t), ["sentencepiece", str(path)]
    if plain.endswith(".tiktoken"):
        import base64
        import tiktoken
        about = json.load(open(plain + ".json", encoding="utf-8"))
        with opened(path) as file:
            ranks = {base64.b64decode(a): int(b) for a, b in (line.split() for line in file if line.strip())}
        model = tiktoken.Encoding("file", pat_str=about["pattern"], mergeable_ranks=ranks, special_tokens=about["special_tokens"])
        return "tiktoken", model.encode_ordinary, ["tiktoken", str(path), about["pattern"]]
    import tokenizers
    with opened(path) as file:
        model = tokenizers.Tokenizer.from_str(file.read().decode())
    model.no_truncation()
    model.no_padding()
    return "tokenizers", lambda t: model.encode(t, add_special_tokens=False).ids, ["json", str(path)]


def peer_time(encode, texts):
    start = time.perf_counter()
    for text in texts:
        encode(text)
    return time.perf_counter() - start


def spread(ratios):
    return f"{statistics.median(ratios):6.1f} ({min(ratios):.1f} to {max(ratios):.1f})"


def measure(path, bench, texts, lines, rounds):
    name = pathlib.Path(path).name.removesuffix(".gz")
    try:
        peer, encode, arguments = peer_of(path)
    except ImportError as missing:
        print(f"{name:44s} left out: {missing}")
        return
    svad = Svad(bench, [*arguments[:2], lines, *arguments[2:]])
    want = checksum(encode(t) for t in texts)
    columns = ("ids", "offsets") if peer == "tokenizers" else ("ids",)
    ours, theirs = {c: [] for c in columns}, []
    for command in columns:
        if svad(command)[1] != want:
            raise SystemExit(f"tokenizers: {name}: ids differ from those of {peer}")
    for _ in range(rounds):
        theirs.append(peer_time(encode, texts))
        for command in columns:
            ours[command].append(svad(command)[0])
    svad.close()
    megabytes = sum(len(t.encode()) + 1 for t in texts) / 1e6
    for c in columns:
        print(f"{name:44s} {c:8s} svad {megabytes / statistics.median(ours[c]):7.2f} MB/s  {peer:13s} "
              f"{megabytes / statistics.median(theirs):6.2f} MB/s  ratio {spread([t / o for t, o in zip(theirs, ours[c])])}", flush=True)


def measure_training(vocabulary, bench, texts, lines, rounds):
    try:
        import tokenizers
    except ImportError as missing:
        print(f"training left out: {missing}")
        return
    svad = Svad(bench, ["train", str(vocabulary), lines])
    ours, theirs = [], []
    for _ in range(rounds):
        model = tokenizers.Tokenizer(tokenizers.models.BPE())
        model.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = tokenizers.trainers.BpeTrainer(vocab_size=vocabulary, show_progress=False, special_tokens=[],
                                                 initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet())
        start = time.perf_counter()
        model.train_from_iterator(texts, trainer)
        theirs.append(time.perf_counter() - start)
        ours.append(svad("train")[0])
    svad.close()
    print(f"{'training, ' + str(vocabulary) + ' tokens':44s} {'':8s} svad {statistics.median(ours):7.3f} s     {'tokenizers':13s} "
          f"{statistics.median(theirs):6.3f} s     ratio {spread([t / o for t, o in zip(theirs, ours)])}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*")
    parser.add_argument("--bench", required=True)
    parser.add_argument("--captions", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--train", type=int, default=0)
    a = parser.parse_args()
    use_venv()
    texts = captions(a.captions)
    with tempfile.TemporaryDirectory() as folder:
        lines = os.path.join(folder, "texts")
        pathlib.Path(lines).write_text("\n".join(texts) + "\n", encoding="utf-8")
        for path in a.files:
            if a.only in path:
                measure(path, a.bench, texts, lines, a.rounds)
        if a.train:
            measure_training(a.train, a.bench, texts, lines, a.rounds)


if __name__ == "__main__":
    main()
