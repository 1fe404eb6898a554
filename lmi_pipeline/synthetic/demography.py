"""Population estimates, projections, migration and natural change, release by release."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from lmi_pipeline.synthetic import margins
from lmi_pipeline.synthetic.margins import REGIONS, UNITED_KINGDOM
from lmi_pipeline.synthetic.population import SyntheticTruth, stream
from lmi_pipeline.synthetic.projections import after_the_pandemic, before_the_pandemic, by_sex_and_age, true_mid_year
from lmi_pipeline.synthetic.writers import write_delimited

# Release: last year (estimates), years (projections), last year ending (migration), last quarter (natural change).
ESTIMATE_RELEASES = {"2020-06": 2019, "2022-12": 2021, "2023-11": 2022}
PROJECTION_RELEASES = {
    "2020-03": (before_the_pandemic, range(2018, 2031)),
    "2024-01": (after_the_pandemic, range(2021, 2031)),
}
MIGRATION_RELEASES = {"2020-05": "2019-12", "2022-11": "2021-12"}
NATURAL_CHANGE_RELEASES = {"2021-03": "2020-10", "2022-06": "2022-01", "2023-03": "2022-10", "2024-02": "2023-10"}
FIRST_YEAR = 2015
PROJECTED_YEARS = range(2020, 2036)
NATIONS = {"E92000001": range(9), "W92000004": (9,), "S92000003": (10,), "N92000002": (11,)}
ALL_AGES, FIRST_SINGLE_AGE = 200, 101


def mid_year(truth: SyntheticTruth, year: int) -> np.ndarray:
    """Persons at mid-year by region, sex (male, female) and single year of age."""
    return by_sex_and_age(true_mid_year(truth, year))


def generate_population(truth: SyntheticTruth, folder: Path) -> Iterator[Path]:
    """Write estimates, projections, net migration and natural change."""
    for release, last in ESTIMATE_RELEASES.items():
        yield _write_estimates(truth, folder / f"NM_2002_1_{release}.tsv", last)
    yield _write_national_projection(truth, folder / "npp_ppp.csv")
    for release, (project, projected) in PROJECTION_RELEASES.items():
        counts = np.stack([project(truth, year) for year in projected])
        yield _write_regional_projection(counts, projected, folder / f"NM_2006_1_{release}.tsv")
    for release, ending in MIGRATION_RELEASES.items():
        yield _write_migration(truth, folder / f"ltim_net_{release}.csv", ending)
    for release, quarter in NATURAL_CHANGE_RELEASES.items():
        yield _write_natural_change(truth, folder / f"natural_change_{release}.csv", quarter)


def _write_estimates(truth: SyntheticTruth, path: Path, last_year: int) -> Path:
    years = range(FIRST_YEAR, last_year + 1)
    counts = np.rint(np.stack([mid_year(truth, year) for year in years]))
    counts = np.concatenate([counts, counts.sum(axis=1, keepdims=True)], axis=1)
    year, area, sex, age = (axis.ravel() for axis in np.indices(counts.shape))
    areas = np.array([*REGIONS, UNITED_KINGDOM])
    single = pd.DataFrame(
        {
            "DATE": np.array(years)[year],
            "GEOGRAPHY_CODE": areas[area],
            "GENDER": sex + 1,
            "C_AGE": age + FIRST_SINGLE_AGE,
            "OBS_VALUE": counts.ravel().astype(np.int64),
        }
    )
    everyone = single.groupby(["DATE", "GEOGRAPHY_CODE"], sort=True)["OBS_VALUE"].sum().reset_index()
    frame = pd.concat([single, everyone.assign(GENDER=0, C_AGE=ALL_AGES)], ignore_index=True)
    columns = {name: frame[name].to_numpy() for name in single.columns}
    return write_delimited(
        path, {n: v if v.dtype.kind == "i" else v.astype("U9") for n, v in columns.items()}, "\t", quoted=True
    )


def _write_regional_projection(counts: np.ndarray, years: range, path: Path) -> Path:
    """Principal projection by year, region, sex and age, in the layout Nomis has for local authorities."""
    year, area, sex, age = (axis.ravel() for axis in np.indices(counts.shape))
    columns = {
        "GEOGRAPHY_CODE": np.array(REGIONS)[area],
        "PROJECTED_YEAR_NAME": np.array(years)[year],
        "GENDER": sex + 1,
        "C_AGE": age + FIRST_SINGLE_AGE,
        "OBS_VALUE": np.rint(counts).ravel().astype(np.int64),
    }
    return write_delimited(path, columns, "\t", quoted=True)


def _write_national_projection(truth: SyntheticTruth, path: Path) -> Path:
    """Principal projection: the age structure of mid-2020 carried forward at 0.4 per cent a year."""
    base = mid_year(truth, PROJECTED_YEARS[0])
    nations = np.stack([base[list(regions)].sum(axis=0) for regions in NATIONS.values()])
    years = np.array(PROJECTED_YEARS)
    counts = np.rint(nations[..., None] * 1.004 ** (years - years[0])).astype(np.int64)
    nation, sex, age, year = (axis.ravel() for axis in np.indices(counts.shape))
    columns = {
        "C_AGE": age,
        "GENDER": sex + 1,
        "OBS_VALUE": counts.ravel(),
        "PROJECTED_YEAR_NAME": years[year],
        "GEOGRAPHY_CODE": np.array(list(NATIONS))[nation],
    }
    return write_delimited(path, columns, ",")


def _write_migration(truth: SyntheticTruth, path: Path, last: str) -> Path:
    """First publications are off the truth by some thousands, except the year the growth of 2019 rests on."""
    frame = truth.migration[truth.migration["year_ending"] <= last].copy()
    first = last == min(MIGRATION_RELEASES.values())
    noise = stream(truth.seed, "population", 1).normal(0, 8_000 if first else 1_500, len(frame))
    known = frame["year_ending"] == "2019-12"
    value = frame["net_migration_count"] + noise
    value = value.mask(known, frame["nationality_group"].map(margins.NET_MIGRATION_2019))
    frame["net_migration"] = (value / 1000).round() * 1000
    parts = frame[frame["nationality_group"] != "total"].groupby("year_ending")["net_migration"].sum()
    total = frame["nationality_group"] == "total"
    frame.loc[total, "net_migration"] = frame.loc[total, "year_ending"].map(parts)
    columns = {
        "year_ending": frame["year_ending"].tolist(),
        "nationality_group": frame["nationality_group"].replace({"uk": "british"}).tolist(),
        "net_migration": frame["net_migration"].astype(int).tolist(),
        "method": ["synthetic first publication" if first else "synthetic revision"] * len(frame),
    }
    return write_delimited(path, columns, ",")


def _write_natural_change(truth: SyntheticTruth, path: Path, last: str) -> Path:
    frame = truth.natural_change[truth.natural_change["quarter"] <= last]
    columns = {
        "quarter": frame["quarter"].tolist(),
        "area_code": frame["area_code"].tolist(),
        "natural_change": frame["natural_change_count"].round().astype(int).tolist(),
    }
    return write_delimited(path, columns, ",")
