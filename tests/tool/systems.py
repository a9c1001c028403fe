#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""svad describe --system: a tiny LLaVA says the same of the same clip, and wrong combinations are errors that say so.

usage: tests/tool/systems.py SVAD
"""
import json
import pathlib
import tempfile

from support.models import tiny_llava
from support.tool import check, finish, run


def main():
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        model = tiny_llava(folder / "llava")
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
    finish("systems")


main()
