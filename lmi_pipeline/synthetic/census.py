"""Census 2011 tenure of households by local authority, for areas that do not exist.

The table is of England and Wales; the issued sample also has areas of Scotland and Northern Ireland.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from lmi_pipeline.synthetic.lfs_people import PERSONS_PER_HOUSEHOLD, TENURE_SHARE
from lmi_pipeline.synthetic.margins import GROUPS, QUARTERS, REGIONS
from lmi_pipeline.synthetic.population import SyntheticTruth, stream
from lmi_pipeline.synthetic.rti import REGION_LABELS
from lmi_pipeline.synthetic.writers import write_delimited

AREAS_IN_REGION = 8
# Type of the area code by country; standard deviation of the log of an area's households of each group.
AREA_TYPE = {"E": "06", "W": "06", "S": "12", "N": "09"}
SPREAD = {"uk": 0.3, "eu": 0.6, "non_eu": 0.6}
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


@lru_cache(maxsize=1)
def area_codes() -> np.ndarray:
    """Codes of the invented local authorities, region by region, in the order of :data:`REGIONS`."""
    letters = [f"{code[0]}{AREA_TYPE[code[0]]}" for code in REGIONS]
    return np.array(
        [f"{prefix}{9000 + 10 * r + p:06d}" for r, prefix in enumerate(letters) for p in range(1, AREAS_IN_REGION + 1)]
    )


@lru_cache(maxsize=4)
def area_households(truth: SyntheticTruth) -> np.ndarray:
    """Households by group, region and area inside the region, in the whole United Kingdom (not rounded)."""
    people = truth.population_of(QUARTERS[0]) / PERSONS_PER_HOUSEHOLD / AREAS_IN_REGION
    noise = stream(truth.seed, "census").normal(size=(*people.shape, AREAS_IN_REGION))
    spread = np.array([SPREAD[group] for group in GROUPS])[:, None, None]
    households: np.ndarray = people[:, :, None] * np.exp(spread * noise)
    return households


def generate_census(truth: SyntheticTruth, folder: Path) -> Iterator[Path]:
    """Write the tenure table for invented local authorities of England and Wales."""
    regions = [i for i, code in enumerate(REGIONS) if code[0] in "EW"]
    region = np.repeat(regions, AREAS_IN_REGION)
    place = np.tile(np.arange(1, AREAS_IN_REGION + 1), len(regions))
    detail = _by_tenure(area_households(truth)[:, regions].reshape(len(GROUPS), -1))
    columns: dict[str, np.ndarray | Sequence[object]] = {
        "date": ["2011"] * len(region),
        "geography": [f"Synthetic {REGION_LABELS[r]} {p}" for r, p in zip(region, place, strict=True)],
        "geography code": area_codes().reshape(len(REGIONS), -1)[regions].ravel(),
        "Rural Urban": ["Total"] * len(region),
    }
    counts = dict(zip(CATEGORIES, _categories(detail), strict=True))
    columns |= {f"Tenure: {name}; measures: Value": values for name, values in counts.items()}
    yield write_delimited(folder / FILE_NAME, columns, ",", quoted=True)


def _by_tenure(households: np.ndarray) -> np.ndarray:
    """Households by area in outright, mortgage, shared, the six rented kinds, rent free."""
    shares = np.array([TENURE_SHARE[g] for g in GROUPS])
    outright, mortgage, shared, rented, free = np.einsum("gt,ga->ta", shares, households)
    kinds = RENTED_SHARE[:, None] * rented
    return np.rint(np.vstack([outright, mortgage, shared, kinds, free])).astype(np.int64)


def _categories(detail: np.ndarray) -> list[np.ndarray]:
    outright, mortgage, shared, council, social, landlord, employer, relative, other, free = detail
    private = (landlord, employer, relative, other)
    return [
        detail.sum(axis=0), outright + mortgage, outright, mortgage, shared, council + social, council, social,
        sum(private), *private, free,
    ]  # fmt: skip
