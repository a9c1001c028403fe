#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One idea, one file: a file holds at most 350 lines and a function at most 60."""
import pathlib
import re
import sys

FILE_LINES, FUNCTION_LINES = 350, 60
ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("include", "kernels", "examples", "tests", "bench")
SUFFIXES = {".hpp", ".cpp", ".cu", ".cuh"}
# What opens a brace without being a function.
SCOPE = re.compile(r"^\s*(inline\s+)?(namespace|extern|class|struct|union|enum)\b|^(template\b.*>\s*)?(class|struct|union)\b")
CONTROL = re.compile(r"^\s*(\}\s*)?(if|for|while|switch|do|else|try|catch|return|TEST_SUITE)\b")


def without_text(source):
    """The source with comments and literals blanked out, line breaks kept: what is left has honest braces."""
    pattern = r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\''
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m.group()), source, flags=re.S)


def functions(source):
    """(first line, length) of every function of a source, found by braces and not by parsing."""
    lines, found, stack, statement, start = without_text(source).split("\n"), [], [], "", 0
    for number, line in enumerate(lines, 1):
        if not line.lstrip().startswith("#"):
            for c in line:
                if c == "{" and re.search(r"[\w>]$", statement):      # a value: b_{1}
                    stack.append(("value", number))
                elif c == "{":
                    scope = SCOPE.search(re.sub(r"template\s*<[^{]*?>\s*(?=class|struct|union)", "", statement.strip()))
                    inside = any(kind == "function" for kind, _ in stack)
                    function = "(" in statement and not scope and not CONTROL.match(statement) and not inside
                    stack.append(("function" if function else "other", start or number))
                elif c == "}" and stack:
                    kind, first = stack.pop()
                    if kind == "function":
                        found.append((first, number - first + 1))
                    if kind == "value":
                        continue
                if c in "{};" and not (stack and stack[-1][0] == "value"):
                    statement, start = "", 0
                else:
                    start = start or (0 if c.isspace() else number)
                    statement += c
        statement += " "
    return found


def main():
    errors, files = [], 0
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix not in SUFFIXES:
                continue
            files += 1
            name, source = file.relative_to(ROOT).as_posix(), file.read_text()
            count = source.count("\n")
            if count > FILE_LINES:
                errors.append(f"{name}: {count} lines, more than {FILE_LINES}: does it hold two ideas?")
            errors += [f"{name}:{first}: a function of {length} lines, more than {FUNCTION_LINES}"
                       for first, length in functions(source) if length > FUNCTION_LINES]
    print("\n".join(errors) or f"{files} files within {FILE_LINES} lines, {FUNCTION_LINES} a function")
    sys.exit(bool(errors) or files == 0)


main()
