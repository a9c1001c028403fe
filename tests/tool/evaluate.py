#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""svad evaluate --refs --hyps from end to end: one set of captions in every format gives one set of scores, equal to BLEU-1
and ROUGE-L counted in Python; what does not fit is named and has its exit status.

usage: tests/tool/evaluate.py SVAD
"""
import collections
import gzip
import json
import math
import pathlib
import subprocess
import tempfile

from support.tool import TOOL, check, errors, finish

REFS = {"1": ["a man rides a horse", "a person is riding"], "clip2": ["two dogs run on grass"], "3": ["the woman pours milk", "she pours the milk"]}
HYPS = {"1": "a man rides a dog", "clip2": "two dogs run", "3": "the woman pours the milk slowly"}


def run(refs, hyps, *more):
    done = subprocess.run([TOOL, "evaluate", "--refs", refs, "--hyps", hyps, *map(str, more)], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def scores(refs, hyps, *more):
    status, out, err = run(refs, hyps, "--json", *more)
    if status != 0:
        errors.append(f"exit status {status} of {refs.name} and {hyps.name}: {err}")
        return None
    return json.loads(out)["systems"][0]["scores"]


def bleu_1():
    right = guessed = closest = 0
    for id, hyp in HYPS.items():
        words = hyp.split()
        most = collections.Counter()
        for ref in REFS[id]:
            most |= collections.Counter(ref.split())
        right += (collections.Counter(words) & most).total()
        guessed += len(words)
        closest += min((abs(len(r.split()) - len(words)), len(r.split())) for r in REFS[id])[1]
    return right / guessed * min(1, math.exp(1 - closest / guessed))


def common(a, b):
    row = [0] * (len(b) + 1)
    for x in a:
        diagonal = 0
        for j, y in enumerate(b):
            diagonal, row[j + 1] = row[j + 1], diagonal + 1 if x == y else max(row[j + 1], row[j])
    return row[-1]


def rouge_l():
    total = 0
    for id, hyp in HYPS.items():
        words = hyp.split()
        hits = [(common(words, r.split()), len(r.split())) for r in REFS[id]]
        p, r = max(h / len(words) for h, _ in hits), max(h / n for h, n in hits)
        total += (1 + 1.44) * p * r / (r + 1.44 * p) if p and r else 0
    return total / len(HYPS)


def write(path, text):
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def check_formats(folder):
    number = lambda id: int(id) if id.isdigit() else id
    rows = [{"image_id": number(i), "caption": c} for i, all in REFS.items() for c in all]
    coco = write(folder / "coco.json", json.dumps({"images": [{"id": number(i)} for i in REFS], "annotations": rows}))
    results = write(folder / "results.json", json.dumps([{"image_id": number(i), "caption": c} for i, c in HYPS.items()]))
    first = scores(coco, results)
    check("BLEU-1 counted in Python", math.isclose(first["BLEU-1"], bleu_1(), rel_tol=1e-8))
    check("ROUGE-L counted in Python", math.isclose(first["ROUGE-L"], rouge_l(), rel_tol=1e-12))
    lines = write(folder / "refs.jsonl", "".join(json.dumps({"id": i, "captions": c}) + "\n" for i, c in REFS.items()))
    packed = write(folder / "refs.json.gz", json.dumps(REFS))
    said = write(folder / "hyps.jsonl", "".join(json.dumps({"id": i, "caption": c}) + "\n" for i, c in reversed(HYPS.items())))
    check("JSONL", scores(lines, said) == first)
    check("a packed object of lists", scores(packed, results) == first)
    _, out, _ = run(coco, results, "--compare", said, "--rounds", 50)
    check("a paired test of a system with itself finds nothing", "first - second" in out and "+0.0000" in out)
    items = folder / "items.jsonl"
    run(coco, results, "--items", items)
    check("scores of every item", [json.loads(x)["id"] for x in items.read_text().splitlines()] == list(REFS))


def check_chinese(folder):
    refs = write(folder / "zh.json", json.dumps({"a": ["一个女人在倒牛奶"], "b": ["两只狗在跑"]}))
    check("Chinese by characters", math.isclose(scores(refs, refs, "--lang", "zh")["BLEU-4"], 1, rel_tol=1e-6))


def check_refusals(folder):
    refs = write(folder / "r.json", json.dumps(REFS))
    few = write(folder / "few.json", json.dumps({"1": "a man", "9": "stranger"}))
    status, _, err = run(refs, few)
    check(f"a caption of an id without references is an error: {status} {err}", status == 1 and "id '9'" in err)
    status, _, err = run(refs, write(folder / "one.json", json.dumps({"1": "a man"})))
    check(f"an id without a caption is an error: {status} {err}", status == 1 and "'3'" in err)
    status, out, _ = run(refs, few, "--missing", "empty")
    check("an id without a caption counts as empty when asked, and shows in the exit status", status == 3 and "2 ids without a caption" in out)
    for name, text in (("torn", '{"a": ["b"'), ("number", '{"a": 7}'), ("empty", ""), ("list", "[[1]]")):
        status, _, err = run(refs, write(folder / f"{name}.json", text))
        check(f"a file that is none ({name}): {status} {err}", status == 1 and f"{name}.json" in err and err.count("\n") == 1)
    status, _, err = run(refs, folder / "nowhere.json")
    check("a missing file", status == 1 and "nowhere.json" in err)
    hostile = write(folder / "odd.json", json.dumps({"1": "a\0man", "clip2": "", "3": "word " * 2000}))
    status, out, err = run(refs, hostile)
    check(f"NUL, an empty caption and 2,000 words are scored: {err}", status == 0 and "1 empty captions" in out)


with tempfile.TemporaryDirectory() as name:
    for part in (check_formats, check_chinese, check_refusals):
        part(pathlib.Path(name))
finish("evaluate")
