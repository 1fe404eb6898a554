"""The balance package. Arguments: problem folder, method (raking), repeats, output file, replicates (unused)."""

from __future__ import annotations

import logging
import sys
from importlib.metadata import version
from typing import Any

import measure
import numpy as np
import pandas as pd
from balance.weighting_methods.rake import rake


def main() -> None:
    """Rake to a target sample that has the controls' totals."""
    logging.disable(logging.WARNING)
    problem = measure.Problem(sys.argv[1])
    frame = pd.DataFrame({name: problem.codes[name].astype(str) for name in measure.MARGINS})
    weight, target = pd.Series(problem.weight), pd.Series(problem.true_weight)

    def build() -> Any:
        return None

    def solve(_: Any) -> np.ndarray:
        found = rake(
            frame,
            weight,
            frame,
            target,
            transformations=None,
            max_iteration=1000,
            convergence_rate=measure.TOLERANCE,
            rate_tolerance=0.0,
        )
        return found["weight"].sort_index().to_numpy()

    measure.run(build, solve, repeats=int(sys.argv[3]), output=sys.argv[4], version=version("balance"))


if __name__ == "__main__":
    main()
