"""QuantReg of statsmodels, dense. Arguments: problem folder, unused, repeats, output file."""

from __future__ import annotations

import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import measure
import numpy as np
import scipy.sparse
from statsmodels.regression.quantile_regression import QuantReg


def main() -> None:
    """Fit all nine deciles of the weighted rows; iterations run out without an error."""
    stored = np.load(Path(sys.argv[1]) / "problem.npz")
    parts, y, weight = (stored["value"], stored["column"] - 1, stored["start"] - 1), stored["y"], stored["weight"]
    warnings.simplefilter("ignore")

    def build() -> QuantReg:
        x = scipy.sparse.csr_array(parts, shape=(len(y), len(stored["kept"]))).toarray()
        return QuantReg(weight * y, weight[:, None] * x)

    def solve(model: QuantReg) -> np.ndarray:
        return np.array([model.fit(q=tenth / 10, max_iter=5_000).params for tenth in range(1, 10)])

    measure.run(build, solve, repeats=int(sys.argv[3]), output=sys.argv[4], version=version("statsmodels"))


if __name__ == "__main__":
    main()
