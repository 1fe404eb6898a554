"""Known growth of the population beside growth in RTI: what the growth estimator can be checked on.

The reference is net long-term migration, as in the ONS article; which release of it ONS used is not
published. A year ending in December stands for October to December, and population growth is net migration
over the population a year before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.areas import NATIONAL_AREA
from lmi_pipeline.methods.birth_groups import NON_UK, STATED
from lmi_pipeline.methods.estimator import COEFFICIENT
from lmi_pipeline.methods.impact import synthetic_of
from lmi_pipeline.methods.quarters import QUARTERS_IN_YEAR, month_number, shift_month, shift_quarter
from lmi_pipeline.methods.tables import FloatArray, to_array

BASE_QUARTER = "2015-10"
QUARTERS = ("2016-10", "2017-10", "2018-10", "2019-10")


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Known population growth and RTI growth of the quarters that can be checked; the base quarter first.

    Attributes
    ----------
    quarters : tuple of str
        Q quarters; the first is the base.
    areas : tuple of str
        A areas, the nation first.
    stocks : ndarray
        Persons a year before, shape (Q, A, 2): EU, non-EU.
    migration : ndarray
        Net migration, persons, shape (Q, 2), of the nation; NaN for a group not known in the base year.
    growth, growth_uk : ndarray
        RTI growth, proportions, shapes (Q, A, 2) and (Q, A).
    stock_years_away : ndarray
        Years between the stock needed and the nearest there was, shape (Q,).
    synthetic : str
    reference : str
        Name of the reference series.
    """

    quarters: tuple[str, ...]
    areas: tuple[str, ...]
    stocks: FloatArray
    migration: FloatArray
    growth: FloatArray
    growth_uk: FloatArray
    stock_years_away: FloatArray
    synthetic: str
    reference: str

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups whose net migration is known: eu, non_eu or both."""
        return tuple(group for group, known in zip(NON_UK, self.migration[0], strict=True) if np.isfinite(known))

    def population_growth(self) -> FloatArray:
        """Known national growth, a proportion, shape (Q, 2)."""
        known: FloatArray = self.migration / self.stocks[:, 0]
        return known

    def changes(self, *, adjusted: bool, coefficient: float = COEFFICIENT) -> FloatArray:
        """Estimated changes on the year, persons, shape (Q, A, 2); base growth is the nation's everywhere."""
        net = self.growth - self.growth_uk[..., None] if adjusted else self.growth
        estimate = self.population_growth()[0] + coefficient * (net - net[0])
        change: FloatArray = estimate * self.stocks
        return change


def gather_evidence(
    growth: pd.DataFrame,
    stocks: pd.DataFrame,
    migration: pd.DataFrame,
    *,
    base_quarter: str = BASE_QUARTER,
    quarters: Sequence[str] = QUARTERS,
    areas: Sequence[str] = (),
    first_published: bool = True,
) -> Evidence:
    """Arrange the inputs of the checks against net migration; quarters without one of them are left out.

    A group without net migration in the base year is left out too: non-EU in 2015 as first published.

    Parameters
    ----------
    growth : DataFrame
        Rows of ``est_rti__quarterly_growth`` of one release, lag and kind of adjustment.
    stocks : DataFrame
        Rows of ``est_population__quarterly_stock``, one edition a quarter, persons. Where the stock a year
        before is absent the nearest quarter's stands in, and `stock_years_away` says how far it is. Not
        stated is spread over the groups.
    migration : DataFrame
        Rows of ``core_migration__yearly_net`` (persons).
    areas : sequence of str
        Areas of the regional model, all of the nation; none for the national model alone.
    first_published : bool, default True
        Use the first release of each year rather than the last.

    Raises
    ------
    MethodError
        Naming the input that has no usable row.
    """
    known = _migration(migration, first_published)
    there = set(growth.loc[growth["growth_rate"].notna() & (growth["area_code"] == NATIONAL_AREA), "quarter"])
    if base_quarter not in there:
        raise MethodError(f"check against migration: no RTI growth of the nation in the base quarter {base_quarter}")
    if base_quarter not in known.index:
        raise MethodError(f"check against migration: no net migration of the year of the base quarter {base_quarter}")
    in_base = [str(group) for group in known if np.isfinite(known[group].loc[base_quarter])]
    complete = set(known[in_base].dropna().index)
    known = known[in_base].reindex(columns=list(NON_UK))
    usable = tuple(quarter for quarter in sorted(quarters) if quarter in complete and quarter in there)
    if not usable:
        raise MethodError(f"check against migration: no quarter of {', '.join(quarters)} has RTI growth and migration")
    periods = (base_quarter, *usable)
    places = (NATIONAL_AREA, *areas)
    persons, away = _stocks(stocks, periods, places)
    axes = {"quarter": periods, "area_code": places}
    rates = to_array(growth, "growth_rate", {**axes, "nationality_group": STATED}, "RTI growth")
    return Evidence(
        quarters=periods,
        areas=places,
        stocks=persons,
        migration=known.loc[list(periods), list(NON_UK)].to_numpy(dtype=float),
        growth=rates[..., 1:],
        growth_uk=rates[..., 0],
        stock_years_away=away,
        synthetic=synthetic_of(growth, stocks, migration),
        reference=f"net migration, {'first' if first_published else 'latest'} release",
    )


def _migration(migration: pd.DataFrame, first_published: bool) -> pd.DataFrame:
    """Persons by quarter (October of the year) and group."""
    rows = migration[migration["nationality_group"].isin(NON_UK) & migration["net_migration_count"].notna()]
    rows = rows[rows["year_ending"].str.endswith("-12")].sort_values("release")
    keep = "first" if first_published else "last"
    rows = rows.drop_duplicates(["year_ending", "nationality_group"], keep=keep)  # type: ignore[call-overload]
    if rows.empty:
        raise MethodError("check against migration: no net migration of EU and non-EU citizens, year ending December")
    quarters = rows["year_ending"].map(lambda month: shift_month(str(month), -2))
    wide: pd.DataFrame = rows.assign(quarter=quarters).pivot(
        index="quarter", columns="nationality_group", values="net_migration_count"
    )
    return wide.reindex(columns=list(NON_UK))


def _stocks(stocks: pd.DataFrame, periods: Sequence[str], areas: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """Persons a year before each period, shape (Q, A, 2), and years to the quarter they are of."""
    groups = [*STATED, *(("not_stated",) if (stocks["birth_group"] == "not_stated").any() else ())]
    own = stocks[stocks["birth_group"].isin(groups)]
    if not (own["area_code"] == NATIONAL_AREA).any():
        keys = ["quarter", "birth_group"]
        nation = own.groupby(keys, as_index=False)["population_count"].sum().assign(area_code=NATIONAL_AREA)
        own = pd.concat([own, nation], ignore_index=True)
    there = sorted(own["quarter"].unique())
    if not there:
        raise MethodError("check against migration: no population by country of birth")
    needed = [shift_quarter(period, -QUARTERS_IN_YEAR) for period in periods]
    used = [min(there, key=lambda q: abs(month_number(q) - month_number(need))) for need in needed]
    axes = {"quarter": sorted(set(used)), "area_code": areas, "birth_group": groups}
    persons = to_array(own, "population_count", axes, "stocks")
    scale = persons.sum(axis=-1) / persons[..., : len(STATED)].sum(axis=-1)
    of_quarter = dict(zip(axes["quarter"], persons[..., 1:3] * scale[..., None], strict=True))
    away = [abs(month_number(q) - month_number(need)) / 12 for q, need in zip(used, needed, strict=True)]
    return np.stack([of_quarter[quarter] for quarter in used]), np.array(away)
