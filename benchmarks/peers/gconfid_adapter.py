"""The gconfid package. Arguments: problem folder, output file."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from gconfid import Suppression

MOVE = 1.0


def main() -> None:
    """Suppress with costs as in the package's guide: size first, then information."""
    stored = np.load(Path(sys.argv[1]) / "problem.npz")
    value, primary = stored["value"], stored["primary"]
    there = value > 0
    is_primary = np.zeros(len(value), dtype=bool)
    is_primary[primary] = True
    cells = pd.DataFrame(
        {
            "CellId": np.arange(1, len(value) + 1),
            "TotalNoise": value,
            "Sensitivity": np.where(is_primary, 2 * MOVE, 0.0),
            "Status": np.where(is_primary, "S", "V"),
            "Type": "C",
        }
    )[there]
    rows = pd.DataFrame(
        {"ConstraintId": stored["row"] + 1, "CellId": stored["column"] + 1, "Coefficient": stored["coefficient"]}
    )[there[stored["column"]]]
    started, used = time.perf_counter(), time.process_time()
    method = Suppression(
        incell=cells, inconstraint=rows, cost_function1="Size", cost_function2="Information", constraint_scale=2
    )
    wall, cpu = time.perf_counter() - started, time.process_time() - used
    found = method.outsuppress.to_pandas()
    hidden = found["CellId"][found["OutStatus"].isin(["S", "X"])].to_numpy(dtype=int) - 1
    np.savetxt(sys.argv[2], np.setdiff1d(hidden, primary), fmt="%d")
    sys.stdout.write("\n" + json.dumps({"solve_s": wall, "cpu_s": cpu}) + "\n")


if __name__ == "__main__":
    main()
