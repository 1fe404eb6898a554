"""statsmodels on dense dummies. Arguments: problem folder, errors (hc1 or none), repeats, output file."""

from __future__ import annotations

import sys

import measure
import numpy as np
import pay_equation_problem
import statsmodels
import statsmodels.api as sm

folder, errors, repeats, output = sys.argv[1:5]
data = pay_equation_problem.load(folder)


def build() -> np.ndarray:
    """Dense design: levels that occur, and age."""
    blocks = [data["age"][:, None], data["age"][:, None] ** 2]
    blocks += [(data[name][:, None] == np.unique(data[name])).astype(float) for name in pay_equation_problem.LEVELS]
    return np.concatenate(blocks, axis=1)


def solve(matrix: np.ndarray) -> np.ndarray:
    """Coefficients and errors of age, and fitted values; the pseudo-inverse takes the dependent columns."""
    fit = sm.WLS(data["y"], matrix, weights=data["weight"]).fit(cov_type="HC1")
    return np.concatenate([fit.params[:2], fit.bse[:2], fit.fittedvalues])


measure.run(build, solve, repeats=int(repeats), output=output, version=statsmodels.__version__)
