#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Includes point down: fails where a header includes a higher layer or a stranger, or where includes form a cycle."""
import pathlib
import re
import sys

# Layer of each folder; a header may include its own folder and any layer with a smaller number.
LAYERS = {
    "core": 1, "core/tensor.hpp": 2, "io": 3, "backend": 4, "text": 4, "video": 4, "autograd": 5, "ops": 6, "nn": 7,
    "models": 8, "infer": 9, "data": 10, "metrics": 10, "train": 11, "svad.hpp": 12,
}
# Beyond the numbers: these never include those.
STRANGERS = {
    "io": {"backend"}, "backend": {"io"},
    "text": {"autograd", "ops", "nn", "models", "infer"}, "video": {"autograd", "ops", "nn", "models", "infer"},
    "metrics": {"autograd", "ops", "nn", "models", "infer", "backend"},
}

ROOT = pathlib.Path(__file__).resolve().parents[2] / "include" / "svad"
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)


def layer(header):
    """(folder, number) of a header named relative to include/svad."""
    folder = header.split("/")[0]
    return folder, LAYERS.get(header, LAYERS.get(folder))


def cycle(graph):
    """One cycle of includes as a list of headers, or an empty list."""
    done, path = set(), []

    def walk(header):
        if header in path:
            return path[path.index(header):] + [header]
        if header in done:
            return []
        path.append(header)
        for other in graph.get(header, []):
            if found := walk(other):
                return found
        done.add(path.pop())
        return []

    return next((found for header in sorted(graph) if (found := walk(header))), [])


errors, graph = [], {}
for file in sorted(ROOT.rglob("*.hpp")):
    header = file.relative_to(ROOT).as_posix()
    folder, number = layer(header)
    if number is None:
        errors.append(f"{header}: its folder has no layer in tests/style/layers.py")
        continue
    for target in INCLUDE.findall(file.read_text()):
        if not target.startswith("svad/"):
            errors.append(f'{header}: includes "{target}"; write it as "svad/..."')
            continue
        other = target.removeprefix("svad/")
        graph.setdefault(header, []).append(other)
        other_folder, other_number = layer(other)
        same_layer = folder == other_folder and number >= other_number
        if not (ROOT / other).is_file():
            errors.append(f"{header}: includes {other}, which is not there")
        elif not same_layer and other_number >= number:
            errors.append(f"{header}: layer {number} includes {other}, layer {other_number}; includes point down")
        elif other_folder in STRANGERS.get(folder, ()):
            errors.append(f"{header}: {folder}/ never includes {other_folder}/")
if not graph:
    errors.append("no header with an include was found")
if found := cycle(graph):
    errors.append("a cycle: " + " -> ".join(found))
print("\n".join(errors) or f"{len(graph)} headers include downwards")
sys.exit(bool(errors))
