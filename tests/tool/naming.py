#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""svad train --stage naming: only naming is learnt, the decoder stays as it was, and the next stage begins with its model.

usage: tests/tool/naming.py SVAD
"""
import json
import pathlib
import tempfile

from support.tool import check, finish, run


def losses(folder):
    """What the last line of a run's metrics says of every part of the loss."""
    last = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    return {name: value for name, value in last.items() if name.startswith("loss_")}


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    status, _, err = run("synth", "--out", folder / "data", "--primary", 12, "--held-out", 1, "--auxiliary", 0, "--pretrain", 0)
    check(f"synth: {err}", status == 0)
    train = ["train", "--primary", folder / "data" / "primary_train.jsonl", "--steps", 4, "--batch", 4]
    status, _, err = run(*train, "--stage", "naming", "--freeze", "decoder.*", "--out", folder / "named")
    check(f"naming: {status} {err}", status == 0)
    named = losses(folder / "named")
    check(f"naming is all that is learnt: {named}", named["loss_naming"] > 0 and sum(named.values()) == named["loss_naming"])
    status, _, err = run(*train, "--init", folder / "named" / "model", "--freeze", "encoder.*", "--lambda-naming", 0.5, "--out", folder / "mixed")
    check(f"mixed: {status} {err}", status == 0)
    mixed = losses(folder / "mixed")
    check(f"mixed learns to describe and goes on naming: {mixed}", mixed["loss_description"] > 0 and mixed["loss_naming"] > 0)
    status, _, err = run(*train, "--stage", "named", "--out", folder / "other")
    check(f"an unknown stage lists the known: {status} {err}", status != 0 and "naming" in err)
finish("naming")
