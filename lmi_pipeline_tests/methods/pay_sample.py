"""Jobs drawn from a known pay equation, for tests: unequal spread by occupation, thin and missing occupations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from lmi_pipeline.methods.cell_grid import GridCodes

YEARS = (2020, 2019)
DEFLATOR = {2020: 1.0, 2019: 1.03}
_AGE, _AGE_SQUARED = 0.07, -0.0008


@dataclass(frozen=True)
class Drawn:
    """A sample of jobs and the means it was drawn from."""

    grid: GridCodes
    jobs: pd.DataFrame
    mean: np.ndarray  # (O, S) true mean pay in 2020 over the jobs of the occupation and sex
    employment: np.ndarray  # (O,) true share of jobs
    women: np.ndarray  # (O,) true share of women
    industry_mix: np.ndarray  # (O, I) true shares of industries
    smearing: np.ndarray  # (O,) true mean over geometric mean of the residuals


def small_grid() -> GridCodes:
    """144 occupations in 9 major, 18 sub-major and 36 minor groups; 4 regions, 8 industries."""
    occupations = [f"{m}{s}{n}{u}" for m in range(1, 10) for s in (1, 2) for n in (1, 2) for u in range(1, 5)]
    return GridCodes(
        tuple(occupations),
        tuple(f"E1200000{at}" for at in range(1, 5)),
        ("male", "female"),
        tuple("123456789"),
        tuple(str(at) for at in range(1, 9)),
    )


def draw(seed: int, rows: int, *, thin: float = 1.4) -> Drawn:
    """Draw jobs of two years; `thin` is the spread of the logs of occupations' sizes."""
    rng = np.random.default_rng(seed)
    grid = small_grid()
    occupations, regions, _, _, industries = grid.shape
    levels = {name: grid.occupation_groups(name) for name in ("major", "sub_major", "minor")}

    def nested(deviations: dict[str, float], own: float) -> np.ndarray:
        total = rng.normal(0, own, occupations)
        for name, deviation in deviations.items():
            codes, place = levels[name]
            total = total + rng.normal(0, deviation, len(codes))[place]
        return total

    level = 4.6 + nested({"major": 0.25, "sub_major": 0.1, "minor": 0.06}, 0.1)
    gap = -0.1 + nested({"sub_major": 0.04}, 0.04)
    change = 0.01 + nested({"sub_major": 0.01}, 0.02)
    spread = np.exp(np.log(0.42) + nested({"major": 0.25}, 0.2))
    region, industry = rng.normal(0, 0.1, regions), rng.normal(0, 0.12, (industries, 2))
    size = np.exp(rng.normal(0, thin, occupations))
    employment = size / size.sum()
    women = rng.beta(3, 3, occupations)

    occupation = rng.choice(occupations, rows, p=employment)
    female = (rng.random(rows) < women[occupation]).astype(int)
    place = rng.integers(0, regions, rows)
    work = (occupation + rng.geometric(0.4, rows)) % industries
    year = rng.integers(0, 2, rows)
    age = rng.integers(18, 65, rows)
    mean_log = (
        level[occupation] + (female - 0.5) * gap[occupation] - year * change[occupation]
        + region[place] + industry[work, year] + _AGE * age + _AGE_SQUARED * age**2
    )  # fmt: skip
    y = np.exp(mean_log + rng.normal(0, spread[occupation])) / np.array([1.0, 1.03])[year]
    jobs = pd.DataFrame(
        {
            "year": np.array(YEARS)[year],
            "age_years": age,
            "sex": np.array(grid.sexes)[female],
            "region_gss": np.array(grid.regions)[place],
            "occupation": np.array(grid.occupations)[occupation],
            "industry_75": np.array(grid.industries)[work],
            "y": y,
            "weight": rng.uniform(80, 120, rows),
            "cluster": rng.integers(0, rows // 10, rows),
        }
    )
    offset = np.arange(1, 60)
    chance = np.bincount(offset % industries, 0.4 * 0.6 ** (offset - 1), industries)
    mix = np.array([np.roll(chance, at) for at in range(occupations)])
    ages = np.arange(18, 65)
    common = np.exp(region).mean() * np.exp(_AGE * ages + _AGE_SQUARED * ages**2).mean()
    mean = np.exp(level + spread**2 / 2)[:, None] * np.exp(np.outer(gap, [-0.5, 0.5]))
    mean = mean * (mix @ np.exp(industry[:, 0]))[:, None] * common
    return Drawn(grid, jobs, mean, employment, women, mix, np.exp(spread**2 / 2))
