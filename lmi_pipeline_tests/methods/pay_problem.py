"""A small grid with known true means, to reconcile predictions on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from lmi_pipeline.methods.cell_grid import GridCodes, JobsCube, PredictedFactors
from lmi_pipeline.methods.cell_system import CellSystem
from lmi_pipeline.methods.pay_reconciliation import PublishedMargin, predict_bills

PATTERNS = ("full_time", "part_time")
GRID = GridCodes(
    occupations=("1111", "1112", "1121", "2111", "2112", "2211", "3111", "3112"),
    regions=("E1", "E2", "S1"),
    sexes=("male", "female"),
    qualifications=tuple("123456789"),
    industries=("1", "2", "3", "4", "5"),
)


def jobs(seed: int = 1, *, zeros: float = 0.3) -> JobsCube:
    """Jobs with some pairs of occupation and industry that do not exist; every occupation is in industry 1."""
    rng = np.random.default_rng(seed)
    missing = rng.random((len(GRID.occupations), len(GRID.industries))) < zeros
    missing[:, 0] = False
    arrays = {pattern: rng.gamma(1.0, 100.0, GRID.shape) for pattern in PATTERNS}
    return JobsCube(GRID, {name: np.where(missing[:, None, None, None], 0.0, each) for name, each in arrays.items()})


def factors(seed: int = 2, *, spread: float = 0.2, base: dict[str, PredictedFactors] | None = None) -> dict:
    """Factors around 600 and 250 pounds a week, or around those of `base`."""
    rng = np.random.default_rng(seed)
    occupations, regions, sexes, qualifications, industries = GRID.shape

    def noise(*shape: int) -> np.ndarray:
        return np.exp(rng.normal(0, spread, shape))

    found = {}
    for pattern, level in zip(PATTERNS, (600.0, 250.0), strict=True):
        start = base[pattern] if base else None
        found[pattern] = PredictedFactors(
            (start.occupation_sex if start else level) * noise(occupations, sexes),
            (start.region if start else 1.0) * noise(regions),
            (start.industry if start else 1.0) * noise(industries),
            (start.qualification if start else 1.0) * noise(occupations, qualifications),
        )
    return found


def means(cube: JobsCube, bills: dict[str, np.ndarray], dims: Sequence[str]) -> pd.DataFrame:
    """Mean of every cell of a margin that has jobs, summed cell by cell."""
    held, paid = (np.stack([each[pattern] for pattern in cube.patterns]) for each in (cube.jobs, bills))
    system = CellSystem.of(held, cube.grid, cube.patterns)
    index, _ = system.cells(dims)
    labels = [label.split(", ") for label in system.labels(dims)]
    frame = pd.DataFrame(labels, columns=list(dims)) if dims else pd.DataFrame(index=[0])
    frame["jobs"], frame["bill"] = (
        np.bincount(index, each[system.places], minlength=len(labels)) for each in (held, paid)
    )
    frame = frame[frame["jobs"] > 0].reset_index(drop=True)
    return frame.assign(mean=frame["bill"] / frame["jobs"])


def margin(name: str, cube: JobsCube, truth: dict[str, PredictedFactors], *, cv: float = 1.0) -> PublishedMargin:
    """A margin of the true means; its dimensions are the words of its name, divided by ``/``."""
    dims = tuple(name.split("/")) if name else ()
    found = means(cube, predict_bills(cube, truth), dims)
    return PublishedMargin(name or "all", dims, found[[*dims, "mean"]].assign(cv=cv))


def with_means(given: PublishedMargin, **changes: float) -> PublishedMargin:
    """The margin with some means replaced, by cell (codes joined by an underscore)."""
    keys = given.frame[list(given.dims)].agg("_".join, axis=1)
    replaced = keys.map({key.removeprefix("c"): value for key, value in changes.items()})
    known = keys.isin([key.removeprefix("c") for key in changes])
    return PublishedMargin(
        given.name, given.dims, given.frame.assign(mean=replaced.where(known, given.frame["mean"]).astype(float))
    )


def persons(count: int, seed: int = 3) -> pd.DataFrame:
    """Employees drawn from known distributions by occupation, thin for the last of each group."""
    rng = np.random.default_rng(seed)
    occupation = rng.choice(len(GRID.occupations), count, p=occupation_shares())
    industry, region = (_draw(rng, each[occupation]) for each in (industry_shares(), region_shares()))
    return pd.DataFrame(
        {
            "occupation": np.array(GRID.occupations)[occupation],
            "region_gss": np.array(GRID.regions)[region],
            "sex": rng.choice(GRID.sexes, count),
            "qualification": rng.choice(list(SPLIT), count),
            "industry_75": np.array(GRID.industries)[industry],
            "working_pattern": rng.choice(PATTERNS, count, p=(0.7, 0.3)),
            "weight": rng.gamma(4.0, 100.0, count),
        }
    )


SPLIT = {
    "degree": {"1": 0.1, "2": 0.3, "3": 0.6},
    "higher_education": {"4": 0.6, "5": 0.4},
    "a_level": {"6": 1.0},
    "gcse": {"7": 1.0},
    "other": {"8": 1.0},
    "none": {"9": 1.0},
}


def occupation_shares() -> np.ndarray:
    """True share of each occupation."""
    return np.array([0.3, 0.01, 0.15, 0.2, 0.01, 0.15, 0.17, 0.01])


def industry_shares() -> np.ndarray:
    """(O, I) true: alike within a minor group, and industry 5 only in major group 3."""
    group = {"111": (5, 3, 1, 1, 0), "112": (4, 3, 2, 1, 0), "211": (1, 6, 2, 1, 0), "221": (1, 5, 3, 1, 0)}
    shares = np.array([group.get(code[:3], (1, 1, 2, 2, 4)) for code in GRID.occupations], dtype=float)
    return shares / shares.sum(axis=1, keepdims=True)


def region_shares() -> np.ndarray:
    """(O, R) true."""
    shares = np.array([(5, 3, 2) if code[0] == "1" else (2, 3, 5) for code in GRID.occupations], dtype=float)
    return shares / shares.sum(axis=1, keepdims=True)


def _draw(rng: np.random.Generator, shares: np.ndarray) -> np.ndarray:
    return (rng.random(len(shares))[:, None] >= shares.cumsum(axis=1)[:, :-1]).sum(axis=1)
