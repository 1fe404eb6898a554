"""The invented jobs that every regression in the benchmark is given: the categories of the pay equation."""

from __future__ import annotations

from pathlib import Path

import numpy as np

SEED = 20210415
OCCUPATIONS, YEARS, INDUSTRIES, REGIONS, QUALIFICATIONS = 369, 10, 75, 12, 9
LEVELS = {
    "occupation_sex": OCCUPATIONS * 2,
    "occupation_time": OCCUPATIONS * YEARS,
    "sex": 2,
    "region": REGIONS,
    "qualification": QUALIFICATIONS,
    "industry_time": INDUSTRIES * YEARS,
}


def write(folder: Path, size: int) -> None:
    """Codes, age, weight and log pay of `size` jobs: occupations of very unequal size, industry going with them."""
    generator = np.random.default_rng(SEED)
    occupation = np.minimum((OCCUPATIONS * generator.beta(0.7, 1.6, size)).astype(np.int64), OCCUPATIONS - 1)
    sex, year = generator.integers(0, 2, size), generator.integers(0, YEARS, size)
    typical = occupation * 7 + generator.integers(0, 12, size)
    industry = np.where(generator.random(size) < 0.5, typical, generator.integers(0, INDUSTRIES, size)) % INDUSTRIES
    region, qualification = generator.integers(0, REGIONS, size), generator.integers(0, QUALIFICATIONS, size)
    age = generator.integers(16, 70, size).astype(float)
    codes = {
        "occupation_sex": occupation * 2 + sex,
        "occupation_time": occupation * YEARS + year,
        "sex": sex,
        "region": region,
        "qualification": qualification,
        "industry_time": industry * YEARS + year,
    }
    y = 4.9 + 0.06 * age - 0.0006 * age**2 + generator.normal(0, 0.42, size) * (0.7 + 0.6 * sex)
    for name, levels in LEVELS.items():
        y += generator.normal(0, 0.15, levels)[codes[name]]
    np.save(folder / "age.npy", age)
    np.save(folder / "y.npy", y)
    np.save(folder / "weight.npy", generator.gamma(4, 25, size) + 1)
    for name, values in codes.items():
        np.save(folder / f"{name}.npy", values.astype(np.int16))


def load(folder: str) -> dict[str, np.ndarray]:
    """Columns of the problem."""
    return {name: np.load(Path(folder) / f"{name}.npy") for name in ("age", "y", "weight", *LEVELS)}
