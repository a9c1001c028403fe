# SPDX-License-Identifier: Apache-2.0
"""What the checks of the tool share: run it, note what does not hold, and end with that."""
import subprocess
import sys

TOOL = sys.argv[1]
errors = []


def check(name, ok, detail=""):
    if not ok:
        errors.append(f"{name} {detail}".rstrip())


def run(*arguments, stdin=""):
    """Exit status, output and errors of `svad ARGUMENTS`."""
    done = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True, input=stdin)
    return done.returncode, done.stdout, done.stderr


def finish(name):
    """Prints what did not hold, or that all did, and ends the program."""
    print("\n".join(f"{name}: {error}" for error in errors) or f"{name}: ok")
    sys.exit(bool(errors))
