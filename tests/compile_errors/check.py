#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Wrong programs do not compile, and the message names what does not hold.

Each .cpp beside this file is wrong in one way and says in `// expect: text` (alternatives split by |) what the
compiler must print. Without its `wrong` line it must compile, so that it fails for that reason and no other.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
FLAGS = ["-std=c++20", "-fsyntax-only", "-x", "c++", "-I", HERE.parents[1] / "include", "-"]


def check(compiler, file):
    """What is wrong with the case, or nothing."""
    source = file.read_text()
    expected = re.search(r"^// expect: (.+)$", source, re.M).group(1).split("|")
    right = re.sub(r"^.*\bwrong\b.*$", "", source, flags=re.M)
    compiled = subprocess.run([compiler, *FLAGS], input=right, capture_output=True, text=True)
    if compiled.returncode:
        return f"{file.name}: does not compile even without its wrong line: {compiled.stderr[:600]}"
    refused = subprocess.run([compiler, *FLAGS], input=source, capture_output=True, text=True)
    if not refused.returncode:
        return f"{file.name}: compiles, but must not"
    if not any(text in refused.stderr for text in expected):
        return f"{file.name}: the message lacks '{' or '.join(expected)}': {refused.stderr[:1200]}"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compiler", default="g++")
    compiler = parser.parse_args().compiler
    files = sorted(HERE.glob("*.cpp"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        errors = [e for e in pool.map(lambda file: check(compiler, file), files) if e]
    print("\n".join(errors) or f"{len(files)} wrong programs are refused with a clear message")
    sys.exit(bool(errors) or not files)


main()
