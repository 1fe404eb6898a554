"""Frames that agree with the catalogue, for the tests to break."""

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.catalog import UNITED_KINGDOM


def _column(name: str, rows: int) -> np.ndarray:
    column, number = catalog.column(name), np.arange(rows)
    if column.codelist:
        codes = np.array(catalog.codes(column.codelist), dtype=object)
        return codes[number % len(codes)]
    if column.type == "string":
        return np.array([f"{name}-{n}" for n in number], dtype=object)
    return number % 5 + 1 if column.type == "integer" else (number % 40) * 1.0


@pytest.fixture
def persons() -> pd.DataFrame:
    """Persons of one quarter, with codes of the catalogue and numbers in range."""
    table = catalog.table("core_lfs__quarterly_person")
    return pd.DataFrame({name: _column(name, 60) for name in table.columns}).assign(quarter="2020-01")


@pytest.fixture
def employees() -> pd.DataFrame:
    """Employees of two months in every region and the United Kingdom, adding up in both directions."""
    counts = {"uk": 80, "eu": 12, "non_eu": 8, "total": 100}
    regions = catalog.codes("region")
    areas = {**dict.fromkeys(regions, 1), UNITED_KINGDOM: len(regions)}
    rows = [
        ("2021-06", month, area, group, False, count * times, "ab", "true")
        for month in ("2020-01", "2020-02")
        for area, times in areas.items()
        for group, count in counts.items()
    ]
    return pd.DataFrame(rows, columns=list(catalog.table("core_rti__monthly_employees").columns))


@pytest.fixture
def controls() -> pd.DataFrame:
    """Controls of two quarters for the groups of regions and the United Kingdom, adding up."""
    counts = {"uk": 57.0e6, "eu": 3.5e6, "non_eu": 5.6e6, "total": 66.1e6}
    groups = catalog.codes("region_group")
    shares = {**dict.fromkeys(groups, 1 / len(groups)), UNITED_KINGDOM: 1.0}
    rows = [
        ("pwt22", quarter, area, group, count * share, adjustment)
        for quarter, adjustment in (("2019-10", 0.0), ("2020-01", -0.02))
        for area, share in shares.items()
        for group, count in counts.items()
    ]
    columns = ["weight_vintage", "quarter", "area_code", "birth_group", "population_count", "growth_adjustment"]
    return pd.DataFrame(rows, columns=columns)
