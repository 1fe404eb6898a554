"""A table protected and audited by this project. Arguments: shape, roll-ups, threshold, seed, output file."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from disclosure_problem import MOVE, make_table, primary_cells

from lmi_pipeline.methods.disclosure_lattice import build_lattice
from lmi_pipeline.methods.disclosure_protect import protect
from lmi_pipeline.methods.disclosure_rules import OK, WITHHELD, PrimaryDecision


def main() -> None:
    """Lay the table out, protect it, audit it; the clock runs over all of it, the peak is that of the process."""
    shape = tuple(int(size) for size in sys.argv[1].split("x"))
    rollups, threshold, seed, output = sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    table = make_table(shape, rollups=rollups, seed=seed)
    before = peak()
    started, used = time.perf_counter(), time.process_time()
    lattice = build_lattice(table.dimensions, table.codes, table.value)
    primary = primary_cells(lattice.value, threshold)
    decision = protect(lattice, rules(primary), rng=np.random.default_rng(seed))
    wall, cpu = time.perf_counter() - started, time.process_time() - used
    np.savetxt(output, np.flatnonzero(decision.hidden & ~primary), fmt="%d")
    protected = decision.audit.protected
    figures = {
        "solve_s": wall,
        "cpu_s": cpu,
        "peak_mb": peak(),
        "before_mb": before,
        "equations": lattice.matrix.shape[0],
        "rounds": decision.rounds,
        "certified": int((decision.audit.certified & protected).sum()),
        "uncertified": int((~decision.audit.certified & protected).sum()),
        "passed": decision.audit.passed,
        "steps": [[each.name, each.examined, each.exposed, each.certified, each.left] for each in decision.audit.steps],
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def rules(primary: np.ndarray) -> PrimaryDecision:
    """The primary cells as the project's rules would give them: one job up and down is asked for."""
    nothing = np.full(len(primary), "", dtype="<U11")
    room = np.where(primary, MOVE, 0.0)
    return PrimaryDecision(
        status=np.where(primary, WITHHELD, OK),
        disclosure=nothing,
        reliability=np.where(primary, "reliability", nothing),
        protect_down=room,
        protect_up=room,
    )


def peak() -> float:
    """Most resident memory so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
