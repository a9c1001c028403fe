#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""svad describe --system: a tiny LLaVA says the same of the same clip, and wrong combinations are errors that say so.

usage: tests/tool/systems.py SVAD
"""
import json
import pathlib
import string
import subprocess
import sys
import tempfile

TOOL = sys.argv[1]
FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "models"
errors = []


def check(name, ok):
    if not ok:
        errors.append(name)


def run(*arguments):
    done = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def make_model(folder):
    folder.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_bytes((FIXTURES / "llava" / name).read_bytes())
    specials = ["[PAD]", "<s>", "</s>", "[UNK]"]
    words = specials + list(string.ascii_lowercase) + ["##" + c for c in string.ascii_lowercase]
    marks = [{"id": i, "content": w, "special": True, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
             for i, w in enumerate(specials)]
    (folder / "tokenizer.json").write_text(json.dumps({
        "added_tokens": marks, "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {w: i for i, w in enumerate(words)}},
        "pre_tokenizer": {"type": "BertPreTokenizer"}, "decoder": {"type": "WordPiece"}}))
    (folder / "preprocessor_config.json").write_text(json.dumps({
        "size": {"shortest_edge": 42}, "do_center_crop": True, "crop_size": 42, "image_processor_type": "CLIPImageProcessor"}))
    return folder


def main():
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        model = make_model(folder / "llava")
        status, _, err = run("synth", "--out", folder / "data", "--primary", 1, "--held-out", 1, "--auxiliary", 0, "--pretrain", 0)
        check(f"a clip is made {err}", status == 0)
        clip = next((folder / "data").rglob("*.mp4"))
        describe = ("describe", "--system", "llava", "--model", model, "--max-tokens", 5)
        status, first, err = run(*describe, clip)
        check(f"it describes {err}", status == 0 and first.endswith("\n"))
        check("what is not used is named", "'image_processor_type' is not used" in err)
        check("twice the same", run(*describe, clip)[1] == first)
        status, out, _ = run(*describe, "--json", clip)
        line = json.loads(out)
        check("as JSON", status == 0 and line["system"] == "llava" and line["text"] == first.strip())
        check("another question is asked", run(*describe, "--prompt", "what", clip)[0] == 0)
        status, _, err = run(*describe, clip, folder / "nothing.mp4")
        check(f"a file that cannot be read is skipped {err}", status == 3 and "nothing.mp4" in err)
        status, _, err = run(*describe, "--format", "srt", clip)
        check(f"subtitles are refused {err}", status != 0 and "whole files" in err)
        status, _, err = run("describe", "--system", "video-llava", "--model", model, clip)
        check(f"the wrong system says why {err}", status != 0 and "no tower for clips" in err)
        status, _, err = run("describe", "--system", "flamingo", "--model", model, clip)
        check("an unknown system lists the known", status != 0 and "video-llava" in err)
    if errors:
        sys.exit("systems: failed: " + "; ".join(errors))
    print("systems: ok")


main()
