"""Make persons.csv.gz and controls.csv: an invented sample of persons in households, and its control totals.

Run once from this directory (``python make_inputs.py``); `calibrate.R` reads the two files.
"""

import numpy as np
import pandas as pd

PERSONS = 5000
REGIONS = 8
AGES = ("16-24", "25-34", "35-49", "50-64", "65+")
BIRTHS = ("uk", "eu", "non_eu")
TENURES = ("owned", "social", "private")
# Growth applied to the weighted sample: what the calibration has to move.
GROWTH = {
    "region": dict(
        zip([f"R{i}" for i in range(1, REGIONS + 1)], (1.02, 0.99, 1.05, 1, 0.97, 1.03, 1, 1.01), strict=True)
    ),
    "age": dict(zip(AGES, (1.08, 1.06, 1.0, 0.98, 0.96), strict=True)),
    "birth_group": dict(zip(BIRTHS, (0.985, 1.09, 1.14), strict=True)),
    "tenure": dict(zip(TENURES, (0.96, 1.03, 1.12), strict=True)),
}
SEED = 20211


def persons() -> pd.DataFrame:
    rng = np.random.default_rng(SEED)
    sizes = rng.choice([1, 2, 3, 4, 5], size=PERSONS, p=[0.3, 0.36, 0.16, 0.13, 0.05])
    homes = int(np.searchsorted(np.cumsum(sizes), PERSONS)) + 1
    sizes = sizes[:homes]
    home = np.repeat(np.arange(homes), sizes)[:PERSONS]
    region = np.sort(rng.integers(1, REGIONS + 1, homes))
    tenure = rng.choice(3, homes, p=[0.62, 0.17, 0.21])
    foreign = rng.random(homes) < np.array([0.09, 0.15, 0.35])[tenure]
    own = rng.random(PERSONS) < 0.8
    birth = np.where(foreign[home] & own, np.where(rng.random(PERSONS) < 0.4, 1, 2), 0)
    age = rng.choice(5, PERSONS, p=[0.14, 0.17, 0.25, 0.24, 0.2])
    weight = np.round(rng.gamma(8, 45, homes) * (1 + 0.1 * (region % 3)), 3)
    chance = np.array([0.55, 0.84, 0.85, 0.7, 0.1])[age] - 0.05 * (birth == 2)
    active = rng.random(PERSONS) < chance
    unemployed = active & (rng.random(PERSONS) < 0.04 + 0.06 * (age == 0) + 0.02 * (tenure[home] == 1))
    hours = np.where(active & ~unemployed, np.round(rng.normal(35, 9, PERSONS).clip(2, 80), 1), 0.0)
    return pd.DataFrame(
        {
            "household": home + 1,
            "region": np.char.add("R", region[home].astype(str)),
            "sex": np.where(rng.random(PERSONS) < 0.51, "f", "m"),
            "age": np.array(AGES)[age],
            "birth_group": np.array(BIRTHS)[birth],
            "tenure": np.array(TENURES)[tenure[home]],
            "distance": np.round(rng.gamma(2, 4, PERSONS) + 2 * (tenure[home] == 0), 2),
            "base_weight": weight[home],
            "employed": (active & ~unemployed).astype(int),
            "unemployed": unemployed.astype(int),
            "hours": hours,
        }
    )


def controls(sample: pd.DataFrame) -> pd.DataFrame:
    """Totals of each margin: weighted counts moved by GROWTH, all margins of one size."""
    moved = sample["base_weight"].copy()
    for column, rates in GROWTH.items():
        moved *= sample[column].map(rates).astype(float)
    size = round(float(moved.sum()), -3)
    moved *= size / moved.sum()
    totals = []
    for control, keys in {
        "region": ["region"],
        "sex_age": ["sex", "age"],
        "birth_group": ["birth_group"],
        "tenure": ["tenure"],
    }.items():
        sums = moved.groupby([sample[key] for key in keys]).sum().round()
        sums.iloc[0] += size - sums.sum()
        names = [".".join(key) if isinstance(key, tuple) else key for key in sums.index]
        totals.append(pd.DataFrame({"control": control, "cell": names, "total": sums.to_numpy()}))
    distance = round(float((moved * sample["distance"]).sum() * 1.02))
    totals.append(pd.DataFrame({"control": ["distance"], "cell": ["all"], "total": [distance]}))
    return pd.concat(totals, ignore_index=True)


if __name__ == "__main__":
    sample = persons()
    sample.to_csv("persons.csv.gz", index=False, compression={"method": "gzip", "mtime": 0})
    controls(sample).to_csv("controls.csv", index=False)
