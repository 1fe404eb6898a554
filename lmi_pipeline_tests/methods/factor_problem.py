"""Invented jobs with the categories of the pay equation, small."""

from __future__ import annotations

import numpy as np

from lmi_pipeline.methods.factor_design import Design, Factor, make_design

NAMES = ("occupation.sex", "occupation.time", "sex", "region", "qualification", "industry.time")


def jobs(
    rows: int, occupations: int = 40, years: int = 4, industries: int = 20, *, seed: int = 0
) -> tuple[Design, np.ndarray, np.ndarray, np.ndarray]:
    """Design, log pay, weights and clusters."""
    rng = np.random.default_rng(seed)
    occupation = np.minimum((occupations * rng.beta(0.7, 1.6, rows)).astype(int), occupations - 1)
    sex, year = rng.integers(0, 2, rows), rng.integers(0, years, rows)
    industry = (occupation * 7 + rng.integers(0, industries, rows) * (rng.random(rows) < 0.5)) % industries
    codes = {
        "occupation.sex": (occupation * 2 + sex, occupations * 2),
        "occupation.time": (occupation * years + year, occupations * years),
        "sex": (sex, 2),
        "region": (rng.integers(0, 12, rows), 12),
        "qualification": (rng.integers(0, 9, rows), 9),
        "industry.time": (industry * years + year, industries * years),
    }
    age = rng.integers(20, 66, rows).astype(float)
    y = 5 + 0.05 * age - 0.0005 * age**2 + rng.normal(0, 0.4, rows) * (0.6 + 0.7 * sex)
    for values, levels in codes.values():
        y += rng.normal(0, 0.2, levels)[values]
    factors = [Factor(name, values.astype(np.int16), levels) for name, (values, levels) in codes.items()]
    design = make_design(factors, np.column_stack([age, age**2]), ("age", "age2"))
    return design, y, rng.gamma(2, 0.5, rows) + 0.01, rng.integers(0, max(rows // 12, 2), rows)


def reordered(design: Design, order: list[int]) -> Design:
    """The same design with its factors in another order."""
    return make_design([design.factors[at] for at in order], design.continuous, design.continuous_names)
