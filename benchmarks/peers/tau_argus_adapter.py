"""tau-ARGUS in the package pytauargus, modular method. Arguments: problem folder, output file."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from pytauargus.engine import run_batch

TOTAL = "T"
MOVE = 1
SECONDARY = "M"
LONGEST = 60


def main() -> None:
    """Suppress a table with one total in each dimension; protection of one job up and down."""
    stored = np.load(Path(sys.argv[1]) / "problem.npz")
    value, primary, nodes = stored["value"], stored["primary"], stored["nodes"]
    is_primary = np.zeros(len(value), dtype=bool)
    is_primary[primary] = True
    names = [f"d{axis}" for axis in range(nodes.shape[1])]
    last = stored["nodes_per_dimension"] - 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = [
            ";".join(
                [
                    *(TOTAL if node == last[axis] else f"{node:04d}" for axis, node in enumerate(place)),
                    f"{value[cell]:.0f};1;{'U' if is_primary[cell] else 'S'};{MOVE};{MOVE}",
                ]
            )
            for cell, place in enumerate(nodes)
        ]
        (folder / "table.tab").write_text("\n".join(lines) + "\n")
        (folder / "table.rda").write_text(metadata(names))
        (folder / "batch.arb").write_text(batch(names))
        started, used = time.perf_counter(), time.process_time()
        run_batch(folder / "batch.arb")
        wall, cpu = time.perf_counter() - started, time.process_time() - used
        written = (folder / "out.tab").read_text()
    place_of = {tuple(place): cell for cell, place in enumerate(nodes.tolist())}
    hidden = []
    for line in written.splitlines():
        *codes, _, _, _, status, _, _ = line.replace('"', "").split(";")
        if status == SECONDARY:
            place = tuple(int(last[axis]) if code == TOTAL else int(code) for axis, code in enumerate(codes))
            hidden.append(place_of[place])
    np.savetxt(sys.argv[2], hidden, fmt="%d")
    sys.stdout.write("\n" + json.dumps({"solve_s": wall, "cpu_s": cpu}) + "\n")


def metadata(names: list[str]) -> str:
    """Columns of the table: codes, value, contributors, status, protection below and above."""
    codes = [f'{name}\n  <RECODEABLE>\n  <TOTCODE> "{TOTAL}"' for name in names]
    head = '<SEPARATOR> ";"\n<SAFE> "S"\n<UNSAFE> "U"\n<PROTECT> "P"'
    rest = [
        "jobs\n  <NUMERIC>\n  <DECIMALS> 0",
        "persons\n  <FREQUENCY>",
        "status\n  <STATUS>",
        "below\n  <NUMERIC> <LOWERPL>",
        "above\n  <NUMERIC> <UPPERPL>",
    ]
    return "\n".join([head, *codes, *rest]) + "\n"


def batch(names: list[str]) -> str:
    """The commands of one run."""
    quoted = "".join(f'"{name}"' for name in names)
    return (
        f'<OPENTABLEDATA> "table.tab"\n<OPENMETADATA> "table.rda"\n<SPECIFYTABLE> {quoted}|"jobs"|"jobs"|"jobs"\n'
        f'<SAFETYRULE>\n<READTABLE> 0\n<SUPPRESS> MOD(1,{LONGEST},0,0,0)\n<WRITETABLE> (1,5,SO+,"out.tab")\n'
    )


if __name__ == "__main__":
    main()
