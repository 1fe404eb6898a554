"""The invented sample that every calibration in the benchmark is given, in the formats that each of them reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20210315
POPULATION = 66_000_000
REGIONS, AREAS, AGES = 12, 20, 10
QUARTERS = 20
UNUSED_COLUMNS = 30
CELLS = {"area_sex_age": AREAS * 2 * AGES, "tenure": 3 * REGIONS, "birth_group": 3 * REGIONS}
KEYS = {
    "area_sex_age": ["area", "sex", "age"],
    "tenure": ["region", "tenure"],
    "birth_group": ["region", "born"],
    "national_birth_age": ["born", "age"],
}


def persons(size: int, seed: int = SEED) -> pd.DataFrame:
    """Persons in households of one to five, with codes, unequal base weights and the hidden weights behind the totals.

    The hidden weights differ from the base weights by area, age, tenure, birth group and person, by a factor between
    0.65 and 1.6.
    """
    generator = np.random.default_rng(seed)
    sizes = generator.choice([1, 2, 3, 4, 5], size=size, p=[0.3, 0.35, 0.15, 0.14, 0.06])
    household = np.repeat(np.arange(size), sizes)[:size]
    homes = int(household[-1]) + 1
    area = np.sort(generator.integers(0, AREAS, homes))[household]
    region = np.minimum(area, (area * REGIONS) // AREAS)
    tenure = generator.choice(3, size=homes, p=[0.62, 0.2, 0.18])[household]
    sex, age = generator.integers(0, 2, size), generator.integers(0, AGES, size)
    born = generator.choice(3, size=size, p=[0.85, 0.06, 0.09])
    weight = generator.gamma(12, 1, homes)[household] * (1 + 0.2 * (region == 6))
    weight *= POPULATION / weight.sum()
    effects = [generator.normal(0, spread, count) for spread, count in ((0.05, AREAS), (0.06, AGES), (0.06, 3))]
    logs = effects[0][area] + effects[1][age] + effects[2][tenure] + np.array([-0.02, 0.15, 0.1])[born]
    factor = np.exp(np.clip(logs + generator.normal(0, 0.1, size), -0.43, 0.47))
    return pd.DataFrame(
        {
            "household": household,
            "area": [f"UKA{code:02d}" for code in area],
            "region": [f"E120000{code:02d}" for code in region],
            "sex": np.where(sex == 0, "male", "female"),
            "age": [f"{10 * code}-{10 * code + 9}" for code in age],
            "tenure": np.array(["owner", "private rent", "social rent"])[tenure],
            "born": np.array(["UK", "EU", "other"])[born],
            "weight": weight,
            "true_weight": weight * factor,
            "area_sex_age_code": (area * 2 + sex) * AGES + age,
            "tenure_code": region * 3 + tenure,
            "birth_group_code": region * 3 + born,
        }
    )


def write(folder: Path, size: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Write the problem for everyone.

    Parquet for this project, arrays for the Python packages, CSV for R, and a file for each of twenty quarters with
    further columns that nothing reads.

    Returns
    -------
    dict
        Margin -> codes (n,) and totals, to judge weights by.
    """
    frame = persons(size)
    codes = {name: frame[f"{name}_code"].to_numpy() for name in CELLS}
    totals = {name: np.bincount(codes[name], frame["true_weight"], minlength=CELLS[name]) for name in CELLS}
    for name, keys in KEYS.items():
        table = frame.groupby(keys, as_index=False)["true_weight"].sum().rename(columns={"true_weight": "persons"})
        table.to_parquet(folder / f"{name}.parquet")
    frame.to_parquet(folder / "persons.parquet")
    region = frame["region"].astype("category").cat.codes.to_numpy()
    arrays = {"weight": frame["weight"].to_numpy(), "true_weight": frame["true_weight"].to_numpy()}
    arrays |= {"household": frame["household"].to_numpy(), "region": region.astype(np.int64)}
    np.savez(folder / "problem.npz", **arrays, **codes, **{f"{name}_total": totals[name] for name in CELLS})
    pd.DataFrame({"weight": frame["weight"], **codes}).to_csv(folder / "codes.csv", index=False)
    pd.concat(
        [pd.DataFrame({"margin": name, "cell": range(CELLS[name]), "total": totals[name]}) for name in CELLS]
    ).to_csv(folder / "totals.csv", index=False, float_format="%.17g")
    _write_quarters(folder, frame)
    return {name: (codes[name], totals[name]) for name in CELLS}


def _write_quarters(folder: Path, frame: pd.DataFrame) -> None:
    generator = np.random.default_rng(SEED + 1)
    unused = {f"unused_{number}": generator.integers(-9, 99, len(frame)) for number in range(UNUSED_COLUMNS)}
    for quarter in range(QUARTERS):
        weight = frame["weight"] * generator.uniform(0.9, 1.1, len(frame))
        frame.assign(weight=weight, **unused).to_parquet(folder / f"quarter_{quarter:02d}.parquet")
