"""The samplics package. Arguments: problem folder, method, repeats, output file, replicates (unused)."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any

import measure
import numpy as np
from samplics.weighting import SampleWeight


def main() -> None:
    """Rake, or calibrate with the linear distance."""
    problem, method = measure.Problem(sys.argv[1]), sys.argv[2]
    controls = {name: dict(enumerate(map(float, problem.totals[name]))) for name in measure.MARGINS}

    def build() -> Any:
        return problem.independent() if method == "linear" else None

    def solve(auxiliaries: Any) -> np.ndarray:
        if method == "linear":
            x, totals = auxiliaries
            return SampleWeight().calibrate(problem.weight, x, control=dict(enumerate(map(float, totals))))
        return SampleWeight().rake(
            problem.weight,
            margins=problem.codes,
            control=controls,
            tol=measure.TOLERANCE,
            ctrl_tol=measure.TOLERANCE,
            max_iter=1000,
        )

    measure.run(build, solve, repeats=int(sys.argv[3]), output=sys.argv[4], version=version("samplics"))


if __name__ == "__main__":
    main()
