"""The ipfn package. Arguments: problem folder, method (raking), repeats, output file, replicates (unused)."""

from __future__ import annotations

import sys
from importlib.metadata import version

import measure
import numpy as np
from ipfn import ipfn


def main() -> None:
    """Rake the table of all margins crossed, then spread each cell over its persons."""
    problem = measure.Problem(sys.argv[1])
    shape = tuple(len(problem.totals[name]) for name in measure.MARGINS)
    totals = [problem.totals[name] for name in measure.MARGINS]

    def build() -> tuple[np.ndarray, np.ndarray]:
        place = np.ravel_multi_index(tuple(problem.codes[name] for name in measure.MARGINS), shape)
        return place, np.bincount(place, problem.weight, minlength=int(np.prod(shape))).reshape(shape)

    def solve(built: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        place, table = built
        fit = ipfn.ipfn(
            table.copy(), totals, [[0], [1], [2]], convergence_rate=measure.TOLERANCE, rate_tolerance=0.0
        ).iteration()
        return problem.weight * (fit.ravel() / np.where(table > 0, table, 1).ravel())[place]

    measure.run(build, solve, repeats=int(sys.argv[3]), output=sys.argv[4], version=version("ipfn"))


if __name__ == "__main__":
    main()
