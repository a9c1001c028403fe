#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every header compiles alone and without warnings, opens with its licence and purpose, and is in svad.hpp.

The compilers run with -fsyntax-only: each over svad.hpp, g++ and clang++ in turn over the other headers (half each, all of
them with `--all`). `--text-only` leaves the compilers out.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "include"
BANNED = {"regex", "iostream", "ranges", "random", "future"}
# The only files that may include these.
ONLY_IN = {"nlohmann/": {"io/json.hpp"}, "utf8proc.h": {"text/unicode.hpp"}, "zlib.h": {"io/gzip.hpp"}, "Eigen/": {"backend/cpu/gemm.hpp"}}
FLAGS = ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", "-pthread"]


def text_errors(name, source):
    """What a reader or a compiler of all headers would stumble over in this one."""
    lines = source.split("\n")
    head = [line for line in lines[1:10] if line.startswith("//")]
    if lines[0] != "// SPDX-License-Identifier: Apache-2.0":
        yield "the first line is not the SPDX line"
    if len(head) < 2:
        yield "no head comment of two lines or more that says what the file is for"
    if "#pragma once" not in source:
        yield "no #pragma once"
    for header in re.findall(r"^\s*#\s*include\s*<([^>]+)>", source, re.M):
        if header in BANNED:
            yield f"includes <{header}>, which is banned in headers"
        for prefix, files in ONLY_IN.items():
            if header.startswith(prefix) and name.removeprefix("svad/") not in files:
                yield f"includes <{header}>; only {', '.join(files)} may"
    for macro in re.findall(r"^\s*#\s*define\s+(\w+)", source, re.M):
        if not macro.startswith(("SVAD_", "EIGEN_")) and f"#undef {macro}" not in source:
            yield f"defines {macro}; macros are called SVAD_*, configure Eigen, or are undefined again"
    for using in re.findall(r"^\s*using namespace [^;]+;", source, re.M):
        if using.startswith("using"):
            yield f"'{using}' at the file's own level"


def umbrella():
    """Headers that svad/svad.hpp reaches."""
    seen, open_ = set(), ["svad/svad.hpp"]
    while open_:
        name = open_.pop()
        if name not in seen and (INCLUDE / name).is_file():
            seen.add(name)
            open_ += re.findall(r'#\s*include\s*"(svad/[^"]+)"', (INCLUDE / name).read_text())
    return seen


def third_party():
    """Where the other libraries lie, as -isystem arguments."""
    found = subprocess.run(["pkg-config", "--cflags-only-I", "eigen3", "libutf8proc", "libavformat"],
                           capture_output=True, text=True).stdout.split()
    return [word.replace("-I", "-isystem", 1) for word in found]


def compile_alone(job):
    compiler, name, flags = job
    with tempfile.NamedTemporaryFile("w", suffix=".cpp") as file:
        # Twice, so that a missing include guard shows.
        file.write(f'#include "{name}"\n#include "{name}"\n')
        file.flush()
        done = subprocess.run([compiler, *FLAGS, *flags, "-I", INCLUDE, file.name], capture_output=True, text=True)
    return [f"{name}: {compiler}: {done.stderr.strip()[:2000]}"] if done.returncode else []


def main():
    names = sorted(p.relative_to(INCLUDE).as_posix() for p in INCLUDE.rglob("*.hpp"))
    errors = [f"{n}: {e}" for n in names for e in text_errors(n, (INCLUDE / n).read_text())]
    if (INCLUDE / "svad/svad.hpp").is_file():
        errors += [f"svad/svad.hpp does not include {n}" for n in names if n not in umbrella()]
    else:
        errors.append("svad/svad.hpp is missing")
    compilers = [c for c in ("g++", "clang++") if shutil.which(c)]
    if "--text-only" not in sys.argv:
        flags = third_party()
        jobs = [(c, n, flags) for i, n in enumerate(names) for k, c in enumerate(compilers)
                if "--all" in sys.argv or n == "svad/svad.hpp" or (i + k) % len(compilers) == 0]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            errors += [e for found in pool.map(compile_alone, jobs) for e in found]
    print("\n".join(errors) or f"{len(names)} headers stand alone ({', '.join(compilers)})")
    sys.exit(bool(errors) or not names)


main()
