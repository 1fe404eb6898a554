"""Quantile regression of this project. Arguments: problem folder, unused, repeats, output file."""

from __future__ import annotations

import sys
from pathlib import Path

import measure
import numpy as np

from lmi_pipeline.methods.factor_design import Design, Factor
from lmi_pipeline.methods.quantile_regression import fit_quantiles


def main() -> None:
    """Fit all nine deciles, the design being made from codes each time."""
    stored = np.load(Path(sys.argv[1]) / "problem.npz")
    codes, levels = stored["codes"], stored["levels"]
    continuous, y, weight, kept = (stored[name] for name in ("continuous", "y", "weight", "kept"))

    def build() -> Design:
        factors = (Factor(f"factor {at}", codes[:, at].copy(), int(count)) for at, count in enumerate(levels))
        return Design(tuple(factors), continuous, ("age", "age2"))

    def solve(design: Design) -> np.ndarray:
        fit = fit_quantiles(design, y, weight, [tenth / 10 for tenth in range(1, 10)])
        return _with_first_levels_zero(fit.coefficients, levels)[:, kept]

    measure.run(build, solve, repeats=int(sys.argv[3]), output=sys.argv[4], version="")


def _with_first_levels_zero(coefficients: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """The same fit with the first level of every later factor as the reference."""
    found, start = coefficients.copy(), coefficients.shape[1] - int(levels[1:].sum())
    first = slice(start - int(levels[0]), start)
    for count in levels[1:]:
        shift = found[:, start : start + 1].copy()
        found[:, start : start + count] -= shift
        found[:, first] += shift
        start += count
    return found


if __name__ == "__main__":
    main()
