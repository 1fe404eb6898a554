"""What every Python adapter shares: the problem as arrays, and time and memory of a call.

Standard library and NumPy only, for it is imported in each peer's own environment.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

MARGINS = ("area_sex_age", "tenure", "birth_group")
TOLERANCE = 1e-7
BOUNDS = (0.5, 2.0)
Build = Callable[[], Any]
Solve = Callable[[Any], np.ndarray]


class Problem:
    """Codes (n, 3), base and true weights (n,), households and regions, and totals of each margin."""

    def __init__(self, folder: str) -> None:
        stored = np.load(Path(folder) / "problem.npz")
        self.weight, self.true_weight = stored["weight"], stored["true_weight"]
        self.household, self.region = stored["household"], stored["region"]
        self.codes = {name: stored[name] for name in MARGINS}
        self.totals = {name: stored[f"{name}_total"] for name in MARGINS}

    def independent(self) -> tuple[np.ndarray, np.ndarray]:
        """Dense auxiliaries without those that follow from others (n, 448), and their totals."""
        columns, totals = [], []
        for name in MARGINS:
            used = [cell for cell in range(len(self.totals[name])) if name == MARGINS[0] or cell % 3 != 0]
            columns.append(self.codes[name][:, None] == np.array(used)[None, :])
            totals.append(self.totals[name][used])
        return np.concatenate(columns, axis=1).astype(float), np.concatenate(totals)


def status(field: str) -> float:
    """Memory of this process in MB: VmRSS now, or VmHWM at most."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise ValueError(field)


def run(build: Build, solve: Solve, *, repeats: int, output: str, **facts: Any) -> None:
    """Time `build` and `solve`, write the weights as raw doubles and print the figures as one line of JSON.

    The peak is counted from here on: over what imports and the loaded problem already take.
    """
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    baseline = status("VmRSS")
    built, solved, cpu = [], [], []
    for _ in range(repeats):
        start = time.perf_counter()
        problem = build()
        middle, used = time.perf_counter(), time.process_time()
        weights = solve(problem)
        built.append(middle - start)
        solved.append(time.perf_counter() - middle)
        cpu.append(time.process_time() - used)
        del problem
    peak = status("VmHWM") - baseline
    np.asarray(weights, dtype=np.float64).tofile(output)
    figures = {"build": built, "solve": solved, "cpu": cpu, "peak_mb": peak, "baseline_mb": baseline}
    sys.stdout.write(json.dumps(figures | facts) + "\n")
