#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Deletes each synchronisation of each kernel in turn; a test must fail each time.

Deleting happens at run time: the executor knows the line of every __syncthreads, __syncwarp, copy_async_commit and
copy_async_wait, and SVAD_SYNC_SKIP=file:line makes one of them do nothing. Nothing is compiled again, so all mutants of
all kernels take seconds. A line that no test reaches is a failure too.

    mutants.py build/release/tests/cuda_tests build/release/tests/cuda_checked [-v] [kernels/norm.cu ...]
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SYNC = re.compile(r"\b(__syncthreads|__syncwarp|copy_async_commit|copy_async_wait\s*<[^<>]*>)\s*\(")
TIMEOUT = 120


def sites(wanted):
    """file:line of every synchronisation, by reading the sources. A line holds one at most, or it counts as one."""
    found = []
    for file in sorted((ROOT / "kernels").glob("*.cu")) + sorted((ROOT / "kernels").glob("*.cuh")):
        name = file.relative_to(ROOT).as_posix()
        if file.name == "ptx.cuh" or (wanted and name not in wanted):
            continue                                        # ptx.cuh holds the definitions
        for number, line in enumerate(file.read_text().split("\n"), 1):
            if SYNC.search(line.split("//")[0]):
                found.append(f"{name}:{number}")
    return found


def run(program, tests, **environment):
    command = [program, "--abort-after=1", "--source-file=" + ",".join("*/" + test for test in tests)]
    try:
        return subprocess.run(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=TIMEOUT, check=False).returncode
    except subprocess.TimeoutExpired:
        return -1


def reached_by(program, test):
    """The places that one test file reaches; without a mutation it must pass."""
    with tempfile.NamedTemporaryFile("r") as trace:
        code = run(program, [test], SVAD_SYNC_TRACE=trace.name)
        return code, set(trace.read().split("\n"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("plain")
    parser.add_argument("checked")
    parser.add_argument("kernels", nargs="*")
    parser.add_argument("-v", action="store_true")
    options = parser.parse_args()
    tests = sorted(p.name for p in (ROOT / "tests" / "cuda").glob("*_test.cpp") if p.name != "planted_test.cpp")
    failures = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        reach = dict(zip(tests, pool.map(lambda test: reached_by(options.plain, test), tests)))
        failures += [f"{test} fails before anything is deleted" for test, (code, _) in reach.items() if code != 0]

        def survives(site):
            """How the deletion of one place went: a complaint, or what found it."""
            using = [test for test, (_, places) in reach.items() if site in places]
            if not using:
                return f"{site}: no test reaches this synchronisation", ""
            for program in (options.plain, options.checked):
                if run(program, using, SVAD_SYNC_SKIP=site) != 0:
                    return "", f"{site}: found by {os.path.basename(program)}"
            return f"{site}: without this synchronisation every test passes ({', '.join(using)})", ""

        places = sites(options.kernels)
        results = list(pool.map(survives, places)) if not failures else []
    failures += [complaint for complaint, _ in results if complaint]
    if options.v:
        print("\n".join(found for _, found in results if found))
    print("\n".join(failures) or f"{len(places)} deletions, {len(places)} found")
    sys.exit(bool(failures) or not places)


main()
