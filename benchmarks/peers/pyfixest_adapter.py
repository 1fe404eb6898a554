"""pyfixest: factors absorbed, HC1 errors. Arguments: problem folder, errors (hc1 or none), repeats, output file."""

from __future__ import annotations

import sys

import measure
import numpy as np
import pandas as pd
import pay_equation_problem
import pyfixest

folder, errors, repeats, output = sys.argv[1:5]
data = pd.DataFrame(pay_equation_problem.load(folder))
data["age2"] = data["age"] ** 2
FORMULA = "y ~ age + age2 | occupation_sex + occupation_time + region + qualification + industry_time"


def solve(_: None) -> np.ndarray:
    """Coefficients and errors of age (HC0, so that no count of coefficients enters), and fitted values."""
    fit = pyfixest.feols(
        FORMULA,
        data,
        vcov="hetero",
        weights="weight",
        fixef_rm="none",
        ssc=pyfixest.ssc(k_adj=False, G_adj=False),
        fixef_tol=1e-10,
        copy_data=False,
    )
    return np.concatenate([fit.coef().to_numpy(), fit.se().to_numpy(), data["y"].to_numpy() - fit.resid()])


measure.run(lambda: None, solve, repeats=int(repeats), output=output, version=pyfixest.__version__)
