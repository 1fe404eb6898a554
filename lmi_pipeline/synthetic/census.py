"""Census 2011 tenure of households by local authority, for areas that do not exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from lmi_pipeline.synthetic.lfs_people import PERSONS_PER_HOUSEHOLD, TENURE_SHARE
from lmi_pipeline.synthetic.margins import GROUPS, QUARTERS, REGIONS
from lmi_pipeline.synthetic.population import SyntheticTruth, stream
from lmi_pipeline.synthetic.rti import REGION_LABELS
from lmi_pipeline.synthetic.writers import write_delimited

AREAS_IN_REGION = 8
FILE_NAME = "tenure-households-lad_QS405EW.csv"
CATEGORIES = (
    "All categories: Tenure", "Owned: Total", "Owned: Owned outright", "Owned: Owned with a mortgage or loan",
    "Shared ownership (part owned and part rented)", "Social rented: Total",
    "Social rented: Rented from council (Local Authority)", "Social rented: Other social rented",
    "Private rented: Total", "Private rented: Private landlord or letting agency",
    "Private rented: Employer of a household member", "Private rented: Relative or friend of household member",
    "Private rented: Other", "Living rent free",
)  # fmt: skip
# Rented households: from the council, other social, private landlord, employer, relative, other.
RENTED_SHARE = np.array([0.27, 0.22, 0.44, 0.01, 0.04, 0.02])


def generate_census(truth: SyntheticTruth, folder: Path) -> Iterator[Path]:
    """Write the tenure table for invented local authorities of England and Wales."""
    regions = [i for i, code in enumerate(REGIONS) if code[0] in "EW"]
    region = np.repeat(regions, AREAS_IN_REGION)
    place = np.tile(np.arange(1, AREAS_IN_REGION + 1), len(regions))
    detail = _households(truth, region)
    columns: dict[str, np.ndarray | Sequence[object]] = {
        "date": ["2011"] * len(region),
        "geography": [f"Synthetic {REGION_LABELS[r]} {p}" for r, p in zip(region, place, strict=True)],
        "geography code": [f"{REGIONS[r][0]}06{9000 + 10 * r + p:06d}" for r, p in zip(region, place, strict=True)],
        "Rural Urban": ["Total"] * len(region),
    }
    counts = dict(zip(CATEGORIES, _categories(detail), strict=True))
    columns |= {f"Tenure: {name}; measures: Value": values for name, values in counts.items()}
    yield write_delimited(folder / FILE_NAME, columns, ",", quoted=True)


def _households(truth: SyntheticTruth, region: np.ndarray) -> np.ndarray:
    """Households by area in outright, mortgage, shared, the six rented kinds, rent free."""
    rng = stream(truth.seed, "census")
    people = truth.population_of(QUARTERS[0])[:, region] / PERSONS_PER_HOUSEHOLD / AREAS_IN_REGION
    people = people * np.exp(rng.normal(0, 0.3, people.shape))
    shares = np.array([TENURE_SHARE[g] for g in GROUPS])
    outright, mortgage, shared, rented, free = np.einsum("gt,ga->ta", shares, people)
    kinds = RENTED_SHARE[:, None] * rented
    return np.rint(np.vstack([outright, mortgage, shared, kinds, free])).astype(np.int64)


def _categories(detail: np.ndarray) -> list[np.ndarray]:
    outright, mortgage, shared, council, social, landlord, employer, relative, other, free = detail
    private = (landlord, employer, relative, other)
    return [
        detail.sum(axis=0), outright + mortgage, outright, mortgage, shared, council + social, council, social,
        sum(private), *private, free,
    ]  # fmt: skip
