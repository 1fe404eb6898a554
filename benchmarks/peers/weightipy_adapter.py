"""The weightipy package. Arguments: problem folder, method (raking), repeats, output file, replicates (unused)."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any

import measure
import numpy as np
import pandas as pd
import weightipy


def main() -> None:
    """Rake. It has no base weights and takes shares: the weights are put on the scale of the totals afterwards."""
    problem = measure.Problem(sys.argv[1])
    frame = pd.DataFrame({name: problem.codes[name] for name in measure.MARGINS})
    population = float(problem.totals[measure.MARGINS[0]].sum())
    shares = {
        name: {cell: 100 * float(total) / population for cell, total in enumerate(problem.totals[name])}
        for name in measure.MARGINS
    }

    def build() -> Any:
        return weightipy.scheme_from_dict(shares, rim_params={"max_iterations": 1000})

    def solve(scheme: Any) -> np.ndarray:
        weights = weightipy.weight(frame, scheme).to_numpy()
        return weights * (population / weights.sum())

    measure.run(build, solve, repeats=int(sys.argv[3]), output=sys.argv[4], version=version("weightipy"))


if __name__ == "__main__":
    main()
