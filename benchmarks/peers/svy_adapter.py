"""The svy package. Arguments: problem folder, method, repeats, output file, replicates."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Any

import measure
import numpy as np
import polars as pl
import svy


def main() -> None:
    """Rake, or calibrate with the linear distance; with or without bootstrap replicates."""
    folder, method, repeats, output, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5])
    problem = measure.Problem(folder)
    codes = {name: problem.codes[name].astype(str) for name in measure.MARGINS}
    frame = pl.DataFrame({"weight": problem.weight, "household": problem.household, "region": problem.region, **codes})
    controls = {
        name: {str(cell): float(total) for cell, total in enumerate(problem.totals[name])} for name in measure.MARGINS
    }

    def build() -> Any:
        sample = svy.Sample(frame, svy.Design(wgt="weight", stratum="region", psu="household"))
        if method.startswith("replicates"):
            sample = sample.weighting.create_bs_wgts(n_reps=count, rstate=1)
        return sample, problem.independent() if method.endswith("linear") else None

    def solve(built: Any) -> np.ndarray:
        sample, auxiliaries = built
        if method.endswith("raking"):
            sample = sample.weighting.rake(
                controls=controls, tol=measure.TOLERANCE, max_iter=1000, wgt_name="calibrated"
            )
        else:
            x, totals = auxiliaries
            sample = sample.weighting.calibrate_matrix(aux_vars=x, controls=list(totals), wgt_name="calibrated")
        return sample.data.get_column("calibrated").to_numpy()

    measure.run(build, solve, repeats=repeats, output=output, version=version("svy"))


if __name__ == "__main__":
    main()
