"""The country-of-birth groups of the population, and the people whose country of birth is not stated."""

from dataclasses import dataclass

import pandas as pd

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import FloatArray, labels, require_codes, require_columns, to_array, to_long

NON_UK = ("eu", "non_eu")
STATED = ("uk", *NON_UK)
TOTAL = "total"
NOT_STATED = "not_stated"

_RELATIVE_TOLERANCE = 1e-6
"""Of a published or weighted total against its parts: float sums in another order, not rounding to
thousands."""


@dataclass(frozen=True, slots=True)
class StatedStocks:
    """Stocks in which everyone belongs to a stated country-of-birth group.

    Attributes
    ----------
    frame : DataFrame
        ``quarter``, ``area_code``, ``birth_group`` (uk, eu, non_eu), ``population_count`` (persons).
    not_stated : DataFrame
        ``quarter``, ``area_code``, ``not_stated_count`` (persons) and ``not_stated_share`` (a proportion of
        all persons): what was shared out, to be published with the estimates.
    """

    frame: pd.DataFrame
    not_stated: pd.DataFrame


def distribute_not_stated(stocks: pd.DataFrame) -> StatedStocks:
    """Scale the stated groups up to the whole population, within area and quarter.

    Assumes that those who do not state their country of birth are as the others of their area are.

    Parameters
    ----------
    stocks : DataFrame
        ``quarter``, ``area_code``, ``birth_group``, ``population_count`` (persons), for all of uk, eu, non_eu
        and not_stated in every quarter and area; total may be there and must then be their sum.

    Raises
    ------
    MethodError
        For a cell that is missing or negative, a total that is not the sum, or an area where nobody stated a
        group.
    """
    table = "stocks"
    require_columns(stocks, ["quarter", "area_code", "birth_group", "population_count"], table)
    require_codes(stocks, "birth_group", (*STATED, NOT_STATED, TOTAL), table)
    places = {axis: labels(stocks, axis, table) for axis in ("quarter", "area_code")}
    persons = to_array(stocks, "population_count", {**places, "birth_group": (*STATED, NOT_STATED)}, table)
    if (persons < 0).any():
        raise MethodError(f"{table}: {int((persons < 0).sum())} negative populations")
    whole = persons.sum(axis=-1)
    if (stocks["birth_group"] == TOTAL).any():
        total = to_array(stocks, "population_count", {**places, "birth_group": (TOTAL,)}, table)
        _check_total(whole, total[..., 0])
    stated, not_stated = persons[..., :-1], persons[..., -1]
    nobody = int((stated.sum(axis=-1) == 0).sum())
    if nobody:
        raise MethodError(f"{table}: nobody stated a country of birth in {nobody} of {whole.size} quarters and areas")
    scaled = stated * (whole / stated.sum(axis=-1))[..., None]
    return StatedStocks(
        frame=to_long({"population_count": scaled}, {**places, "birth_group": STATED}),
        not_stated=to_long({"not_stated_count": not_stated, "not_stated_share": not_stated / whole}, places),
    )


def _check_total(parts: FloatArray, total: FloatArray) -> None:
    apart = abs(parts - total) > _RELATIVE_TOLERANCE * parts
    if apart.any():
        raise MethodError(f"stocks: {int(apart.sum())} of {total.size} totals are not the sum of their groups")
