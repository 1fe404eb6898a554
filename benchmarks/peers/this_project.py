"""The calibration of this project. Arguments: problem folder, method, repeats, output file, replicates."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import measure
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from lmi_pipeline.methods.bootstrap import RescalingBootstrap, rescaling_bootstrap
from lmi_pipeline.methods.calibration import Calibration, calibrate
from lmi_pipeline.methods.distances import Distance, Linear, Logit, Raking
from lmi_pipeline.methods.margins import Margin, margin_from_codes
from lmi_pipeline.methods.replicates import ReplicateCalibration, calibrate_replicates

KEYS = {"area_sex_age": ["area", "sex", "age"], "tenure": ["region", "tenure"], "birth_group": ["region", "born"]}
NATIONAL = ["born", "age"]
CODES = ["area", "region", "sex", "age", "tenure", "born"]
COLUMNS = ["weight", "household", *CODES]
LAWS: dict[str, Distance] = {"linear": Linear(), "raking": Raking(), "logit": Logit(*measure.BOUNDS)}


def margins(persons: pd.DataFrame, folder: Path, keys: dict[str, list[str]]) -> list[Margin]:
    """Margins from the columns of the persons and the tables of totals."""
    made = []
    for name, columns in keys.items():
        totals = pd.read_parquet(folder / f"{name}.parquet")
        made.append(margin_from_codes(name, persons[columns], totals, value="persons"))
    return made


def one(persons: pd.DataFrame, folder: Path, method: str) -> tuple[Any, Any, dict[str, Any]]:
    """One calibration: linear, raking or logit; of households; with national controls beside the regional ones."""
    law = LAWS.get(method.split("_")[0], Raking())
    keys = KEYS | {"national_birth_age": NATIONAL} if method.endswith("national") else KEYS
    household = persons["household"].to_numpy() if "household" in method else None
    weight = persons["weight"].to_numpy()
    facts: dict[str, Any] = {}

    def solve(made: list[Margin]) -> np.ndarray:
        found: Calibration = calibrate(weight, made, distance=law, household=household, tolerance=measure.TOLERANCE)
        facts["structure"], facts["iterations"] = found.structure, found.iterations
        return found.weights

    return lambda: margins(persons, folder, keys), solve, facts


def replicates(persons: pd.DataFrame, folder: Path, method: str, count: int) -> tuple[Any, Any, dict[str, Any]]:
    """Main sample and bootstrap replicates, and the weights of each replicate made once."""
    law = LAWS[method.split("_")[1]]
    household, region = persons["household"].to_numpy(), persons["region"].to_numpy()
    weight = persons["weight"].to_numpy()
    facts: dict[str, Any] = {}

    def build() -> tuple[list[Margin], RescalingBootstrap]:
        drawn = rescaling_bootstrap(household, region, replicates=count, seed=1)
        return margins(persons, folder, KEYS), drawn

    def solve(made: tuple[list[Margin], RescalingBootstrap]) -> np.ndarray:
        found: ReplicateCalibration = calibrate_replicates(
            weight, made[0], made[1], distance=law, tolerance=measure.TOLERANCE, threads=2
        )
        totals = found.estimate(np.ones((len(weight), 1)), threads=2)
        facts["failed"], facts["solved_singly"] = len(found.failed), len(found.solved_singly)
        facts["spread_of_population"] = float(np.nanstd(totals) / np.nanmean(totals))
        return found.weights(count - 1)

    return build, solve, facts


def quarters(folder: Path) -> tuple[Any, Any, dict[str, Any]]:
    """Twenty quarters in turn: the columns needed read from Parquet, margins made, raked; weights of the last."""
    files = sorted(folder.glob("quarter_*.parquet"))

    def solve(_: None) -> np.ndarray:
        for file in files:
            persons = pq.read_table(file, columns=["weight", *CODES], read_dictionary=CODES).to_pandas()
            made = margins(persons, folder, KEYS)
            weights = calibrate(persons["weight"].to_numpy(), made, tolerance=measure.TOLERANCE).weights
        return weights

    return lambda: None, solve, {"quarters": len(files)}


def main() -> None:
    """Run one method."""
    folder, method, repeats, output, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5]
    persons = pd.read_parquet(folder / "persons.parquet", columns=COLUMNS)
    if method == "quarters":
        build, solve, facts = quarters(folder)
    elif method.startswith("replicates"):
        build, solve, facts = replicates(persons, folder, method, int(count))
    else:
        build, solve, facts = one(persons, folder, method)
    found: dict[str, Any] = {"version": f"pandas {pd.__version__}, numpy {np.__version__}"}
    found["details"] = facts
    measure.run(build, solve, repeats=repeats, output=output, **found)


if __name__ == "__main__":
    main()
