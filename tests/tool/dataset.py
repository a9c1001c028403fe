#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""svad dataset build from raw videos to manifests: what comes out, that nothing but the videos and options decides it, and
that a build killed at any moment and started again ends with the same bytes.

usage: tests/tool/dataset.py SVAD [KILLS [FOLDER]]     (FOLDER: more videos for the killed builds)
"""
import hashlib
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from support.tool import TOOL, check, errors, finish, run

KILLS = int(sys.argv[2]) if len(sys.argv) > 2 else 6


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def bytes_of(folder):
    """Every file of a data set except the stages' notes."""
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(folder.rglob("*")) if p.is_file() and ".work" not in p.parts}


def make_videos(folder):
    """Rendered clips in two categories, with a text, a copy, a scaled copy, and files that are no videos."""
    status, _, err = run("synth", "--out", folder / "rendered", "--primary", 6, "--held-out", 2, "--auxiliary", 4, "--pretrain", 0)
    assert status == 0, err
    raw = folder / "raw"
    clips = sorted((folder / "rendered").rglob("*.mp4"))
    for i, clip in enumerate(clips):
        target = raw / ("kitchen" if i % 3 else "garden/flowers") / f"v{i:02}.mp4"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clip, target)
    first = raw / "kitchen" / "v01.mp4"
    (raw / "kitchen" / "v01.txt").write_text("A man picks up the red cup, drinks from it and then puts it on the table.\n")
    (raw / "kitchen" / "v02.txt").write_text("Nice.\n")
    (raw / "garden" / "broken.mp4").write_text("this is no video")
    (raw / "garden" / "empty.mp4").write_bytes(b"")
    whole = clips[3].read_bytes()
    (raw / "garden" / "cut.mp4").write_bytes(whole[:len(whole) * 3 // 4])
    shutil.copy(first, raw / "kitchen" / "copy.mp4")
    scaled = False
    if shutil.which("ffmpeg"):
        scaled = subprocess.run(["ffmpeg", "-v", "error", "-i", first, "-vf", "scale=96:96", "-crf", "30", raw / "kitchen" / "scaled.mp4"]).returncode == 0
    return raw, scaled


def build(raw, out, *more):
    return run("dataset", "build", *(raw if isinstance(raw, list) else [raw]), "--out", out, "--test", "0.3", "--brief-seconds", "0.5",
               "--least-seconds", "0.5", "--brief-share", "0.9", *more)


def check_results(raw, out, scaled):
    status, text, err = build(raw, out, "--jobs", 2)
    check("build: files that are no videos give status 3", status == 3, err)
    check("build: each is named with its reason", "garden/broken.mp4: is not a video" in err and "garden/empty.mp4: is empty" in err, err)
    report = json.loads((out / "dataset.json").read_text())
    check("build: the report counts them", report["shots"]["problems"] == len(report["shots"]["unusable"]) >= 2)
    check("build: a stage is a line", [line.split()[0] for line in text.splitlines()] == ["shots", "filter", "sample", "split", "keywords", "check", "stats"], text)
    clips = lines(out / "clips.jsonl")
    check("clips: every one is on a side", clips and all(c["split"] in ("train", "test") for c in clips))
    check("clips: paths lead to the videos", all((out / c["video"]).exists() and not c["video"].startswith("/") for c in clips))
    check("clips: categories are the first folders", {c["category"] for c in clips} == {"kitchen", "garden"})
    side = {c["id"].split("#")[0]: c["split"] for c in clips}
    check("split: both sides have videos", set(side.values()) == {"train", "test"})
    check("split: a copy is on the side of its original", side["kitchen/copy.mp4"] == side["kitchen/v01.mp4"])
    if scaled:
        check("split: a scaled copy too", side["kitchen/scaled.mp4"] == side["kitchen/v01.mp4"])
    groups = json.loads((out / "split.json").read_text())["near_duplicates"]
    check("split: copies are a group", any({"kitchen/copy.mp4", "kitchen/v01.mp4"} <= set(g) for g in groups), groups)
    annotations = {a["id"]: a for a in lines(out / "annotations.jsonl")}
    check("keywords: texts beside videos are annotations", annotations["kitchen/v01.mp4#000"]["description"].startswith("A man picks"), annotations)
    check("keywords: with keywords", {"cup", "red"} <= {k["word"] for k in annotations["kitchen/v01.mp4#000"]["keywords"]}, annotations)
    found = {(f["id"], f["finding"]) for f in lines(out / "findings.jsonl")}
    check("check: short and unordered", {("kitchen/v02.mp4#000", "too_short"), ("kitchen/v02.mp4#000", "no_order")} <= found, found)
    check("check: a good text passes", not any(i == "kitchen/v01.mp4#000" for i, _ in found), found)
    check("check: the rest is missing", ("garden/flowers/v00.mp4#000", "missing") in found, found)
    manifests = lines(out / "train.jsonl") + lines(out / "test.jsonl")
    check("manifests: the annotated clips", {m["id"] for m in manifests} == {"kitchen/v01.mp4#000", "kitchen/v02.mp4#000"}, manifests)
    check("manifests: the others wait", len(lines(out / "to_annotate.jsonl")) == len(clips) - 2)
    check("statistics: the page is there", "<html" in (out / "statistics.html").read_text()[:300])
    check("statistics: two annotations", json.loads((out / "statistics.json").read_text())[0]["annotations"] == 2)


def check_stages(out):
    before = bytes_of(out)
    for stage in ["filter", "sample", "split", "keywords", "check", "stats"]:
        options = {"filter": ["--brief-seconds", "0.5", "--least-seconds", "0.5", "--brief-share", "0.9"], "split": ["--test", "0.3"]}.get(stage, [])
        status, _, err = run("dataset", stage, out, *options)
        check(f"{stage}: runs by itself", status == 0, err)
    check("stages: one after another they give what build gives", bytes_of(out) == before)
    status, _, err = run("dataset", "check", out, "--strict")
    check("check: --strict turns findings into status 3", status == 3, err)
    status, _, _ = run("dataset", "sample", out, "--clips", 4)
    taken = lines(out / "clips.jsonl")
    check("sample: evenly over categories", status == 0 and sorted(c["category"] for c in taken) == ["garden", "garden", "kitchen", "kitchen"], taken)
    status, _, err = run("dataset", "stats", out)
    check("stats: without a split it says what to run", status == 1 and "run svad dataset split" in err, err)
    shots = (out / "shots.jsonl").read_text()
    (out / "shots.jsonl").write_text(shots.replace('"frames":', '"frames":"', 1))
    status, _, err = run("dataset", "filter", out)
    check("stages: a damaged file is an error with its line", status == 1 and "shots.jsonl:1" in err and err.count("\n") == 1, err)
    status, _, err = run("dataset", "filter", out / "nowhere")
    check("stages: a missing folder is a wrong argument", status == 2)


def check_kills(raw, folder, kills):
    want = folder / "want"
    begin = time.monotonic()
    status, _, err = build(raw, want, "--jobs", 1)
    length = time.monotonic() - begin
    check("kills: the undisturbed build", status in (0, 3), err)
    whole = bytes_of(want)
    other = folder / "other"
    build(list(reversed(raw)), other, "--jobs", 2)
    check("build: order of arguments and number of jobs change nothing", bytes_of(other) == whole)
    random.seed(5)
    out = folder / "killed"
    done, begun, spent, in_row = 0, 0, 0.0, 0
    while done < kills and begun < 10 * kills:
        run_ = subprocess.Popen([TOOL, "dataset", "build", *map(str, raw), "--out", str(out), "--test", "0.3", "--brief-seconds", "0.5",
                                 "--least-seconds", "0.5", "--brief-share", "0.9", "--jobs", "2"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait = random.uniform(0, max(length - spent, 0.05))     # of the work that the killed ones have left
        time.sleep(wait)
        run_.send_signal(signal.SIGKILL)
        killed = run_.wait() == -signal.SIGKILL
        done, begun, spent, in_row = done + killed, begun + 1, spent + wait, in_row + 1
        torn = [p for p in out.rglob("*.json*") if ".tmp" not in p.name and p.name.endswith(".jsonl")
                and any(not line.startswith("{") or not line.endswith("}") for line in p.read_text().splitlines())] if out.exists() else []
        check(f"kill {done}: no torn file", not torn, torn)
        if not killed or in_row == 5 or done == kills:
            status, _, err = build(raw, out, "--jobs", 2)
            left = {n: h for n, h in bytes_of(out).items() if ".tmp-" not in n}
            check(f"kill {done}: the build ends with the same bytes", left == whole, sorted(set(left.items()) ^ set(whole.items()))[:4])
            shutil.rmtree(out, ignore_errors=True)              # early moments again and again
            spent, in_row = 0.0, 0
    check("kills: enough of the builds were killed under way", done == kills, f"{done} of {begun}")
    print(f"dataset: {done} of {begun} builds were killed under way, each set ended with the same bytes" if not errors else "dataset: kills failed")


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        raw, scaled = make_videos(folder)
        check_results(raw, folder / "out", scaled)
        check_stages(folder / "out")
        sources = [raw / "garden", raw / "kitchen"] + [pathlib.Path(p).resolve() for p in sys.argv[3:]]
        check_kills(sources, folder, KILLS)
        if not scaled:
            print("dataset: no ffmpeg program, the scaled copy was not tried")
    finish("dataset")


if __name__ == "__main__":
    main()
