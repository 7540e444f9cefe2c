#!/usr/bin/env python3
"""Instructions of each stage of `make microbench`, counted by callgrind, beside what it may take.

    Benchmarks/instructions.py [PROGRAM]      PROGRAM: .build-microbench/release/microbench

Ends with 1 when a stage takes more than its source allows, with 69 when they cannot be counted here.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
OPERATIONS = 1000


def counted(folder):
    """What callgrind wrote to `folder`: instructions by stage."""
    found = {}
    for path in folder.glob("counts.*"):
        name = total = None
        for line in path.read_text(errors="replace").splitlines():
            if line.startswith("desc: Trigger: Client Request: "):
                name = line.removeprefix("desc: Trigger: Client Request: ")
            elif line.startswith(("summary: ", "totals: ")):
                total = int(line.split()[1])
        if name is not None and total is not None:
            found[name] = total
    return found


def main():
    program = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / ".build-microbench/release/microbench")
    if not program.exists():
        print(f"{program}: make microbench builds it", file=sys.stderr)
        return 69
    if shutil.which("valgrind") is None:
        print("instructions are not counted: there is no valgrind (Debian's package of that name)", file=sys.stderr)
        return 69
    with tempfile.TemporaryDirectory() as name:
        # valgrind gives up on debugging information newer than itself.
        strip = shutil.which("strip") or shutil.which("llvm-strip")
        if strip is None:
            print("instructions are not counted: there is no strip (Debian's package binutils)", file=sys.stderr)
            return 69
        subprocess.run([strip, "--strip-debug", "-o", f"{name}/program", program], check=True)
        run = subprocess.run(
            ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={name}/counts", f"{name}/program"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"SWIFT_DETERMINISTIC_HASHING": "1"})
        found = counted(pathlib.Path(name))
    stages = [line.split("\t") for line in run.stdout.splitlines() if "\t" in line]
    if run.returncode != 0 or not stages or any(stage not in found for stage, _ in stages):
        print(run.stdout + run.stderr[-4000:], file=sys.stderr)
        print("instructions could not be counted: was it built where valgrind's headers are?", file=sys.stderr)
        return 69
    tooMany = 0
    print(f"| {'instructions':36} | an operation | at most |\n|{'-' * 38}|{'-' * 14}|{'-' * 9}|")
    for stage, allowed in stages:
        each = found[stage] / OPERATIONS
        isTooMany = bool(allowed) and each > int(allowed)
        tooMany += isTooMany
        print(f"| {stage:36} | {each:12,.0f} | {int(allowed) if allowed else '':>7} |{' too many' if isTooMany else ''}")
    return 1 if tooMany else 0


if __name__ == "__main__":
    sys.exit(main())
