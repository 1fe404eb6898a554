"""Adding areas up, and sharing a national number out over them."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pandas as pd

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import (
    labels,
    require_columns,
    require_finite,
    require_unique,
    to_array,
    to_long,
)

AREA = "area_code"
NATIONAL_AREA = "K02000001"


def combine_areas(frame: pd.DataFrame, mapping: Mapping[str, str], value: str, *, table: str = "areas") -> pd.DataFrame:
    """Add small areas up to groups of areas, before growth is computed.

    Parameters
    ----------
    frame : DataFrame
        ``area_code``, `value`, and any further columns, which all are keys.
    mapping : mapping of str to str
        Area -> the group it belongs to (itself, if it stands alone).
    value : str
        The column to add up.
    table : str
        What the table is, for errors.

    Returns
    -------
    DataFrame
        The columns of `frame`, one row for each key and group.

    Raises
    ------
    MethodError
        For an area with no group, or a group with a member missing: its sum would fall short.
    """
    require_columns(frame, [AREA, value], table)
    key = [column for column in frame.columns if column != value]
    require_unique(frame, key, table)
    require_finite(frame, [value], table)
    unmapped = sorted(set(frame[AREA]) - set(mapping))
    if unmapped:
        raise MethodError(f"{table}: no group for area {', '.join(unmapped)}")
    members = frame.assign(**{AREA: frame[AREA].map(dict(mapping)).astype("str")})
    sums = members.groupby(key, sort=False)[value].agg(["sum", "size"]).reset_index()
    short = sums["size"] != sums[AREA].map(Counter(mapping.values()))
    if short.any():
        groups = ", ".join(sorted(set(sums.loc[short, AREA])))
        raise MethodError(f"{table}: {int(short.sum())} sums lack an area of their group; groups: {groups}")
    return sums.rename(columns={"sum": value})[list(frame.columns)]


def add_national(
    frame: pd.DataFrame, value: str, *, national_area: str = NATIONAL_AREA, table: str = "areas"
) -> pd.DataFrame:
    """Add the nation to a table, as the sum of its areas.

    Raises
    ------
    MethodError
        If the nation is there already, or an area is missing for some key.
    """
    require_columns(frame, [AREA, value], table)
    if (frame[AREA] == national_area).any():
        raise MethodError(f"{table}: area {national_area} is there already")
    nation = dict.fromkeys(frame[AREA].unique(), national_area)
    return pd.concat([frame, combine_areas(frame, nation, value, table=table)], ignore_index=True)


def allocate_to_areas(
    national: pd.DataFrame, stocks: pd.DataFrame, value: str, *, share_quarter: str, birth_group: str = "uk"
) -> pd.DataFrame:
    """Share a national number out over areas by their part of a population.

    For natural change that is known for the nation only: each area takes its share of the UK-born stock of
    one quarter. An assumption (equal rates of natural change in all areas), not an estimate for areas.

    Parameters
    ----------
    national : DataFrame
        ``quarter`` and `value`; one row for each quarter.
    stocks : DataFrame
        ``quarter``, ``area_code``, ``birth_group``, ``population_count`` (persons).
    value : str
        The column to share out; the areas add up to it.
    share_quarter : str
        The quarter whose stocks give the shares.
    birth_group : str, default "uk"
        The group whose stocks give the shares.

    Returns
    -------
    DataFrame
        ``quarter``, ``area_code`` and `value`.

    Raises
    ------
    MethodError
        If there are no positive stocks in that quarter, or the key of `national` is not the quarter alone.
    """
    require_columns(stocks, ["quarter", AREA, "birth_group", "population_count"], "stocks")
    in_quarter = stocks[(stocks["quarter"] == share_quarter) & (stocks["birth_group"] == birth_group)]
    areas = labels(in_quarter, AREA, "stocks")
    persons = to_array(in_quarter, "population_count", {AREA: areas}, "stocks")
    if not areas or (persons < 0).any() or persons.sum() == 0:
        raise MethodError(f"stocks: no positive population of group {birth_group} in quarter {share_quarter}")
    quarters = labels(national, "quarter", f"national {value}")
    amounts = to_array(national, value, {"quarter": quarters}, f"national {value}")
    return to_long({value: np.outer(amounts, persons / persons.sum())}, {"quarter": quarters, AREA: areas})
