#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""svad train --plan tells the memory of a run before it begins, within 10 % of what the run then takes; --profile writes a trace.

usage: tests/tool/plan.py SVAD
"""
import json
import pathlib
import resource
import tempfile

from support.tool import check, finish, run


def planned(text):
    """The rows of a plan, in MiB."""
    return {line.split()[0]: float(line.split()[1]) for line in text.splitlines()}


with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    status, _, err = run("synth", "--out", folder / "data", "--primary", 12, "--held-out", 1, "--auxiliary", 0, "--pretrain", 0)
    check(f"synth: {err}", status == 0)
    manifest = folder / "data" / "primary_train.jsonl"
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    arguments = ["train", "--primary", manifest, "--steps", 4, "--batch", 48]
    status, text, err = run(*arguments, "--out", folder / "plan", "--plan")
    check(f"plan: {status} {err}", status == 0)
    rows = planned(text)
    check("plan: every part is there", set(rows) == {"parameters", "optimizer", "gradients", "activations", "batches", "program", "peak"})
    check("plan: the optimizer keeps two numbers a parameter", abs(rows["optimizer"] - 2 * rows["parameters"]) < 0.3)
    check("plan: nothing is trained", not (folder / "plan" / "model").exists())

    status, _, err = run(*arguments, "--out", folder / "run", "--profile", folder / "trace.json")
    check(f"train: {status} {err}", status == 0)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"planned {rows['peak']:.0f} MiB, taken {peak:.0f} MiB")
    check("the run took more than any other program of this test", peak > before)
    check(f"plan: {rows['peak']:.0f} MiB planned, {peak:.0f} taken", 0.9 < rows["peak"] / peak < 1.1)

    events = [e for e in json.loads((folder / "trace.json").read_text())["traceEvents"] if e["ph"] == "X"]
    check("profile: products forward and backward", {("linear", "forward"), ("matmul", "backward")} <= {(e["name"], e["cat"]) for e in events})
    check("profile: data and optimizer", {"next_batch", "adamw"} <= {e["name"] for e in events})
    check("profile: a table", "share" in err)

finish("plan")
