#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""svad describe of whole videos: every output of one film of three shots agrees with the others, and hostile arguments fail.

usage: tests/tool/describe.py SVAD
The film is made by the ffmpeg command line; without it the test is skipped.
"""
import html.parser
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from support.tool import check, finish, run

MODEL = pathlib.Path(__file__).resolve().parents[2] / "examples" / "pretrained"
SKIPPED = 77


def describe(*arguments):
    return run("describe", "--model", MODEL, "--max-tokens", "24", *arguments)


def film(folder):
    """Three pictures of two seconds each, the one in the middle blue; and a rendered clip."""
    status, _, err = run("synth", "--out", folder / "data", "--primary", 1, "--held-out", 1, "--auxiliary", 1, "--pretrain", 0)
    check(f"synth: {err}", status == 0)
    path = folder / "film <b>.mp4"
    pictures = [f"{source}:s=320x180:r=25:d=2" for source in ("testsrc=", "color=c=0x2040c0", "smptebars=")]
    inputs = [word for picture in pictures for word in ("-f", "lavfi", "-i", picture.replace("=:", "="))]
    subprocess.run(["ffmpeg", "-v", "error", *inputs, "-filter_complex", "concat=n=3", "-pix_fmt", "yuv420p", path], check=True)
    return path, min((folder / "data" / "videos").rglob("*.mp4"))


def check_clip(clip):
    """Without --shots a file is one clip: its text is the line, as json an object without times."""
    status, text, err = describe(clip)
    check(f"clip: {status} {err}", status == 0 and text.count("\n") == 1 and not re.match(r"\d\d:", text))
    _, out, _ = describe("--json", clip)
    check("clip: json", json.loads(out) == {"video": str(clip), "text": text.rstrip("\n")})
    _, out, _ = describe(clip, clip)
    check("clip: of several files each is named", out == f"{clip}: {text}" * 2)
    _, out, _ = describe("--shots", "none", "--format", "srt", clip)
    check("clip: one shot as subtitles", out.startswith("1\n00:00:00,000 --> ") and out.count(" --> ") <= 3)


def check_shots(path):
    """Shots follow each other without gap, and the second is the two seconds of one colour."""
    status, out, err = describe("--shots", "adaptive", "--format", "json", path)
    check(f"json: {status} {err}", status == 0)
    shots = [json.loads(line) for line in out.splitlines()]
    check(f"json: shots {len(shots)}", len(shots) == 3 and [s["shot"] for s in shots] == [0, 1, 2])
    for a, b in zip(shots, shots[1:]):
        check("json: no gap", a["end"] == b["start"] and a["last"] + 1 == b["first"])
    check("json: the first starts the film", shots[0]["first"] == 0 and shots[0]["start"] == 0)
    check(f"json: the blue shot {shots[1]}", abs(shots[1]["end"] - shots[1]["start"] - 2) < 1e-6 and
          (shots[1]["first"], shots[1]["last"]) == (50, 99))
    for batch in (1, 2):
        _, again, _ = describe("--shots", "adaptive", "--json", "--batch", batch, path)
        check(f"json: the same in batches of {batch}", again == out)
    _, out, _ = describe("--shots", "hash", "--least-shot", 1000, "--json", path)
    check("json: short shots are joined", len(out.splitlines()) == 1 and json.loads(out)["last"] == shots[-1]["last"])
    _, out, _ = describe("--shots", "adaptive", path)
    want = [f"{clock(s['start'])} - {clock(s['end'])}  {s['text']}" for s in shots]
    check(f"text: {out}", out.splitlines() == want)
    return shots


def clock(seconds, point="."):
    ms = round(seconds * 1000)
    return f"{ms // 3600000:02}:{ms // 60000 % 60:02}:{ms // 1000 % 60:02}{point}{ms % 1000:03}"


def check_subtitles(path, shots):
    for kind, point in (("srt", ","), ("vtt", ".")):
        status, out, err = describe("--format", kind, path)
        check(f"{kind}: {status} {err}", status == 0)
        times = re.findall(r"^(\S+) --> (\S+)$", out, re.M)
        check(f"{kind}: cues do not overlap", all(a[1] <= b[0] for a, b in zip(times, times[1:])) and all(a < b for a, b in times))
        starts = {a for a, _ in times}
        check(f"{kind}: every shot that has a text starts a cue", all(clock(s["start"], point) in starts for s in shots if s["text"]))
        lines = [line for line in out.splitlines() if "-->" not in line and not line.isdigit() and line != "WEBVTT"]
        check(f"{kind}: lines are at most 42 columns", all(len(line) <= 42 for line in lines))
        said = " ".join(" ".join(lines).split())
        check(f"{kind}: all that was said", said == " ".join(" ".join(s["text"] for s in shots).split()))


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.pictures, self.outside = [], 0, []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href"):
                self.pictures += value.startswith("data:image/png;base64,iVBOR")
                if not value.startswith(("data:", "#")):
                    self.outside.append(value)


def check_page(path, shots, folder):
    out = folder / "page.html"
    status, text, err = describe("--format", "html", "--out", out, path)
    check(f"page: {status} {err}", status == 0 and text == "")
    page = Page()
    page.feed(out.read_text(encoding="utf-8"))
    check("page: an article and six frames a shot", page.tags.count("article") == 3 and page.pictures == 18)
    check(f"page: nothing from outside {page.outside}", not page.outside and "script" not in page.tags)
    check("page: the file's name is no markup", "b" not in page.tags[:page.tags.index("h1") + 2] and "film &lt;b&gt;.mp4" in out.read_text())
    check("page: times", all(clock(s["start"]) in out.read_text() for s in shots))
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        return
    picture = pathlib.Path("tool.describe.png").resolve()   # in the build folder, to be looked at
    subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1280,800", f"--screenshot={picture}",
                    out.as_uri()], capture_output=True, timeout=100)
    check("page: a browser shows it", picture.stat().st_size > 20000)


def check_failures(path, folder):
    out = folder / "kept.srt"
    out.write_text("as before")
    bad = folder / "bad.mp4"
    bad.write_bytes(b"no video" * 100)
    for name, arguments, want in (
            ("two films", ["--format", "vtt", path, path], 2), ("fill", ["--fill", "a __", "--shots", "hash", path], 2),
            ("no network", ["--shots", "combined", path], 2), ("a network for nobody", ["--transnet", "x.pth", path], 2),
            ("two formats", ["--json", "--format", "srt", path], 2), ("no folder", ["--out", folder / "none" / "x", path], 1),
            ("no video", ["--format", "srt", "--out", out, bad], 1), ("no file", ["--shots", "content", folder / "none.mp4"], 1)):
        status, _, err = describe(*arguments)
        check(f"{name}: {status} {err}", status == want and err)
    check("a file is replaced when all is done only", out.read_text() == "as before")
    check("nothing is left behind", not list(folder.glob("*.tmp-*")))
    status, text, err = describe("--shots", "content", "--json", bad, path)
    check(f"a bad file is named and passed over: {err}", status == 3 and "bad.mp4" in err and len(text.splitlines()) == 3)


if shutil.which("ffmpeg") is None:
    print("skipped: the film is made by the ffmpeg command line, which is not here")
    sys.exit(SKIPPED)
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    path, clip = film(folder)
    check_clip(clip)
    shots = check_shots(path)
    check_subtitles(path, shots)
    check_page(path, shots, folder)
    check_failures(path, folder)
finish("describe")
