"""The regression of this project. Arguments: problem folder, errors (hc1 or none), repeats, output file."""

from __future__ import annotations

import sys

import measure
import numpy as np
import pay_equation_problem

from lmi_pipeline.methods.factor_design import Design, Factor
from lmi_pipeline.methods.factor_wls import fit_wls

folder, errors, repeats, output = sys.argv[1:5]
data = pay_equation_problem.load(folder)
squares = np.column_stack([data["age"], data["age"] ** 2])


def build() -> Design:
    """Design from codes, with its checks."""
    factors = [Factor(name, data[name], levels) for name, levels in pay_equation_problem.LEVELS.items()]
    return Design(tuple(factors), squares, ("age", "age2"))


def solve(design: Design) -> np.ndarray:
    """Coefficients and errors of age, and fitted values."""
    fit = fit_wls(design, data["y"], data["weight"], covariance=errors)
    return np.concatenate([fit.coefficients[:2], fit.standard_errors[:2], fit.fitted])


measure.run(build, solve, repeats=int(repeats), output=output, version="")
