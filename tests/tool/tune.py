#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""svad train --system from end to end: a tiny LLaVA learns from clips by low-rank parts, is killed and goes on to the same
bits, and says the same from the parts alone, from the folder with everything merged, and from parts beside the weights.

usage: tests/tool/tune.py SVAD
"""
import json
import math
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from support.models import tiny_llava
from support.tool import TOOL, check, finish, run

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "models"
LORA = ("--freeze", "*", "--lora", 4, "--lora-on", "decoder.*")


def make_clips(folder):
    """A manifest of three rendered clips with short captions."""
    status, _, err = run("synth", "--out", folder / "data", "--primary", 3, "--held-out", 0, "--auxiliary", 0, "--pretrain", 0)
    check(f"clips are made {err}", status == 0)
    videos = sorted((folder / "data").rglob("*.mp4"))
    lines = [{"id": v.stem, "video": str(v), "description": text} for v, text in zip(videos, ("a jar", "a cup", "a red box"))]
    manifest = folder / "clips.jsonl"
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return manifest, videos


def losses(out):
    return [json.loads(line)["loss"] for line in (out / "metrics.jsonl").read_text().splitlines()]


def parts(out):
    return (out / "lora.safetensors").read_bytes()


def check_parts(folder, model, manifest, videos):
    """Low-rank parts alone: what was frozen is not written, and the parts change what is said."""
    train = ("train", "--system", "llava", "--init", model, "--primary", manifest, "--steps", 60, "--batch", 2, "--rate", 1e-2, *LORA)
    whole = folder / "whole"
    status, out, err = run(*train, "--out", whole)
    check(f"it trains {err}", status == 0 and out.strip() == str(whole / "lora.safetensors"))
    check(f"it says what is trained {err}", "frozen by '*'" in err and "low-rank parts beside" in err)
    check("nothing else is written", not (whole / "model").exists())
    curve = losses(whole)
    check(f"the loss falls {curve}", curve[-1] < 0.8 * curve[0])

    stopped = folder / "stopped"
    for how in (signal.SIGKILL, signal.SIGINT):
        child = subprocess.Popen([TOOL, *map(str, train), "--out", str(stopped), "--save-every", "5"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        before = len(list(stopped.glob("step-*")))
        end = time.monotonic() + 120
        while child.poll() is None and time.monotonic() < end and (len(list(stopped.glob("step-*"))) <= min(before, 1)):
            time.sleep(0.002)
        child.send_signal(how)
        _, err = child.communicate(timeout=120)
        check(f"it was stopped by {how}: {child.returncode} {err}", child.returncode in (-signal.SIGKILL, 130, 0))
        if child.returncode == 130:
            check(f"it says how to go on {err}", "run the same command again" in err)
    status, _, err = run(*train, "--out", stopped, "--save-every", 5)
    check(f"it goes on {err}", status == 0)
    check("stopped twice, it ends with the same bits", parts(stopped) == parts(whole))
    status, _, err = run(*train, "--out", whole, "--seed", 3)
    check(f"another seed is refused in that folder {err}", status == 2 and "other options" in err)

    describe = ("describe", "--system", "llava", "--max-tokens", 12)
    _, plain, _ = run(*describe, "--model", model, *videos)
    status, tuned, err = run(*describe, "--model", model, "--lora", whole / "lora.safetensors", *videos)
    check(f"the parts are used {err}", status == 0 and tuned != plain)
    beside = folder / "beside"
    shutil.copytree(model, beside)
    shutil.copy(whole / "lora.safetensors", beside)
    check("parts beside the weights are used", run(*describe, "--model", beside, *videos)[1] == tuned)
    check("--lora replaces them", run(*describe, "--model", beside, "--lora", stopped / "lora.safetensors", *videos)[1] == tuned)
    merged = folder / "merged"
    status, out, err = run(*train, "--out", merged, "--merge", "--json")
    check(f"merged it is a folder {err}", status == 0 and json.loads(out) == {"model": str(merged / "model"), "steps": 60, "skipped_lines": 0})
    check("which says the same", run(*describe, "--model", merged / "model", *videos)[1] == tuned)
    check("and has no parts", not (merged / "model" / "lora.safetensors").exists())
    check("the source is as it was", (model / "model.safetensors").read_bytes() == (FIXTURES / "llava" / "model.safetensors").read_bytes())


def check_whole(folder, model, manifest, videos):
    """Weights themselves: the eyes frozen, in bf16 products, one clip of the manifest gone."""
    lines = manifest.read_text() + json.dumps({"video": "gone.mp4", "description": "a hat"}) + "\nno json\n"
    torn = folder / "torn.jsonl"
    torn.write_text(lines)
    train = ("train", "--system", "llava", "--init", model, "--primary", torn, "--steps", 30, "--batch", 2, "--rate", 3e-3, "--freeze", "vision.*",
             "--precision", "bf16", "--prompt", "what is it")
    out = folder / "full"
    status, said, err = run(*train, "--out", out)
    check(f"skipped clips and lines are named {status} {err}", status == 3 and "gone.mp4" in err and "torn.jsonl:5" in err)
    check("the folder is named", said.strip() == str(out / "model"))
    curve = losses(out)
    check(f"the loss has fallen from that of a guess {curve}", curve[-1] < 0.1 * math.log(160))
    for name in ("config.json", "tokenizer.json", "preprocessor_config.json"):
        check(f"{name} comes along", (out / "model" / name).read_bytes() == (model / name).read_bytes())
    status, text, err = run("describe", "--system", "llava", "--model", out / "model", "--prompt", "what is it", "--max-tokens", 12, *videos)
    check(f"the folder describes {err}", status == 0 and text.count("\n") == len(videos))
    check(f"it has learnt a caption {text}", " a " in text or ": a" in text)


def check_errors(folder, model, manifest):
    """What does not go together ends with status 2 and says so."""
    train = ("train", "--out", folder / "bad", "--primary", manifest, "--steps", 1)
    system = ("--system", "llava", "--init", model)
    for option, value in (("--auxiliary", manifest), ("--stage", "mixed"), ("--preset", "demo"), ("--lambda-k", 1), ("--token-room", 1), ("--weights", "f32")):
        status, _, err = run(*train, *system, option, value)
        check(f"{option} does not go with --system: {status} {err}", status == 2 and option in err and "--system" in err)
    status, _, err = run(*train, "--system", "llava")
    check(f"--system needs --init {err}", status == 2 and "--init" in err)
    status, _, err = run(*train, "--merge")
    check(f"--merge needs --system {err}", status == 2 and "--system" in err)
    status, _, err = run(*train, *system, "--freeze", "*")
    check(f"all frozen {err}", status == 2 and "frozen" in err)
    status, _, err = run(*train, *system, "--freeze", "eyes.*")
    check(f"a pattern without parameters {err}", status == 2 and "eyes.*" in err)
    status, _, err = run(*train, "--system", "flamingo", "--init", model)
    check(f"an unknown system {err}", status == 2 and "video-llava" in err)
    (folder / "own").mkdir()
    shutil.copytree(model, folder / "own" / "model")
    status, _, err = run("train", "--out", folder / "own", "--primary", manifest, "--steps", 1, "--system", "llava", "--init", folder / "own" / "model")
    check(f"the source is never written over {err}", status == 2 and "another --out" in err)
    status, _, err = run("describe", "--system", "llava", "--model", model, "--lora", model / "model.safetensors", "x.mp4")
    check(f"a file without parts {err}", status == 1 and "belongs to no linear layer" in err)


def main():
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        model = tiny_llava(folder / "llava")
        manifest, videos = make_clips(folder)
        check_parts(folder, model, manifest, videos)
        check_whole(folder, model, manifest, videos)
        check_errors(folder, model, manifest)
    finish("tune")


main()
