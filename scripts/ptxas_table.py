#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Registers and spills of every kernel as ptxas reports them, as a Markdown table; needs nvcc, no GPU.

    scripts/ptxas_table.py                       every kernel that spills or takes more than 64 registers on some target
    scripts/ptxas_table.py --all norm.cu         every kernel of a file
    scripts/ptxas_table.py --write               replaces the table in kernels/README.md
    scripts/ptxas_table.py --check               also fails on any warning and on spills

Targets are those of svad::cuda: sm_75, 80, 86, 89, 90.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
TARGETS = [75, 80, 86, 89, 90]
ENTRY = re.compile(r"Compiling entry function '(\w+)' for 'sm_(\d+)a?'")
SPILL = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers")
BEGIN, END = "<!-- ptxas: by scripts/ptxas_table.py -->", "<!-- ptxas end -->"


def compile_file(file):
    """(report of ptxas, other lines) of one kernel file for all targets."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["nvcc", "-std=c++17", "-O3", "-Xptxas", "-v", f"-I{ROOT}/include", f"-I{ROOT}/kernels", "--threads", "2"]
        command += [f"-gencode=arch=compute_{t},code=sm_{t}" for t in TARGETS]
        command += ["-gencode=arch=compute_90,code=compute_90", "-c", str(file), "-o", os.path.join(folder, "out.o")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).split("\n")
    quiet = ("ptxas info", "    ", "")
    others = [line for line in lines if line and not line.startswith(quiet)]
    if done.returncode:
        others.append(f"{file.name}: nvcc ends with {done.returncode}")
    return lines, others


def short(mangled):
    """norm_forward<bf16, 8, true>"""
    name = subprocess.run(["c++filt", mangled], capture_output=True, text=True, check=True).stdout.strip()
    for part in ("void ", "(anonymous namespace)::", "svad::cuda::"):
        name = name.replace(part, "")
    depth = 0
    for i, c in enumerate(name):
        depth += {"<": 1, ">": -1}.get(c, 0)
        if c == "(" and depth == 0:
            return name[:i]
    return name


def read(lines):
    """{kernel: {target: (registers, spilled bytes)}}"""
    kernels, at, spilled = {}, None, 0
    for line in lines:
        if found := ENTRY.search(line):
            at = found.groups()
        elif found := SPILL.search(line):
            spilled = int(found.group(2)) + int(found.group(3))
        elif (found := USED.search(line)) and at:
            kernels.setdefault(at[0], {})[int(at[1])] = (int(found.group(1)), spilled)
            at = None
    return kernels


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("files", nargs="*", help="names in kernels/; all by default")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    files = [ROOT / "kernels" / name for name in options.files] or sorted((ROOT / "kernels").glob("*.cu"))
    with concurrent.futures.ThreadPoolExecutor(max(1, (os.cpu_count() or 2) // 2)) as pool:
        reports = list(pool.map(compile_file, files))

    rows, complaints, spills, count = [], [], [], 0
    for file, (lines, others) in zip(files, reports):
        complaints += others
        for mangled, targets in read(lines).items():
            count += 1
            spilling = any(spilled for _, spilled in targets.values())
            if spilling or options.all or any(registers > 64 for registers, _ in targets.values()):
                cells = [f"{r}" + (f" (spills {s} B)" if s else "") for r, s in (targets.get(t, ("-", 0)) for t in TARGETS)]
                rows.append((file.name, short(mangled), cells))
            if spilling:
                spills.append(short(mangled))
    head = ["file", "kernel"] + [f"sm_{t}" for t in TARGETS]
    table = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    table += [f"| {name} | `{kernel}` | " + " | ".join(cells) + " |" for name, kernel, cells in sorted(rows)]
    text = (f"{count} kernels in {len(files)} files, {len(spills)} that spill; registers of those that spill or take more than 64:\n\n"
            if not options.all else "") + "\n".join(table)
    if options.write:
        readme = ROOT / "kernels" / "README.md"
        old = readme.read_text()
        new = f"{BEGIN}\n{text}\n{END}"
        pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
        readme.write_text(re.sub(pattern, lambda _: new, old, flags=re.S) if BEGIN in old else old.rstrip() + "\n\n## Registers\n\n" + new + "\n")
    else:
        print(text)
    print("\n".join(complaints), file=sys.stderr)
    if options.check:
        print("\n".join(f"spills: {kernel}" for kernel in spills), file=sys.stderr)
    sys.exit(bool(options.check and (complaints or spills)))


main()
