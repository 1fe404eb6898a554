"""Which figures the labour market estimates are, as sums of counts of respondents.

A count is of the respondents of one category, age range and economic activity. A level is a sum of counts, a rate one
sum over another: the employment rate employed over population, the unemployment rate unemployed over economically
active, the inactivity rate inactive over population (ONS, "A guide to labour market statistics").
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from lmi_pipeline import catalog
from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.tables import FloatArray, floats, require_columns

KEY = ("breakdown", "category", "age_range", "measure")
ACTIVITIES = ("employed", "unemployed", "inactive")
BREAKDOWNS: Mapping[str, str] = {
    "sex": "sex",
    "age_band": "age_years",
    "region": "region_gss",
    "birth_group": "birth_group",
    "nationality_group": "nationality_group",
    "occupation_major": "soc2010_code",
    "industry_section": "sic2007_section",
}
"""Breakdown -> column of the persons; that of everybody, ``all``, has none."""

ALL = "all"
ADULT_AGE, PENSION_AGE = 16, 65
_EVERYBODY = "population"
_EMPLOYED_ONLY = ("occupation_major", "industry_section")
_ALL_AGES = (ALL, "sex", "region", "birth_group")
_MEASURES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "population_level": (ACTIVITIES, ()),
    "employment_level": (("employed",), ()),
    "unemployment_level": (("unemployed",), ()),
    "inactivity_level": (("inactive",), ()),
    "employment_rate": (("employed",), ACTIVITIES),
    "unemployment_rate": (("unemployed",), ("unemployed", "employed")),
    "inactivity_rate": (("inactive",), ACTIVITIES),
}


@dataclass(frozen=True, slots=True, eq=False)
class IndicatorPlan:
    """K estimates as sums of G counts of n respondents.

    Attributes
    ----------
    rows : DataFrame
        (K rows) ``breakdown, category, age_range, measure``.
    cells : csc_array
        (n, G), 1 where a respondent is in a count.
    numerator, denominator : csc_array
        (G, K), 1 where a count is part of an estimate; the denominator of a level is empty.
    """

    rows: pd.DataFrame
    cells: "sp.csc_array"
    numerator: "sp.csc_array"
    denominator: "sp.csc_array"

    def is_rate(self) -> NDArray[np.bool_]:
        """Which of the estimates are rates, (K,)."""
        return np.asarray(np.diff(self.denominator.indptr) > 0)

    def respondents(self) -> NDArray[np.int64]:
        """Respondents counted in a level, or in the denominator of a rate, (K,)."""
        counts = np.diff(self.cells.indptr).astype(float)
        found = np.where(self.is_rate(), counts @ self.denominator, counts @ self.numerator)
        return np.asarray(found, dtype=np.int64)

    def with_denominators(self, weights: FloatArray) -> "IndicatorPlan":
        """Leave out the rates whose weighted denominator is not positive."""
        kept = ~self.is_rate() | ((weights @ self.cells) @ self.denominator > 0)
        return replace(
            self,
            rows=self.rows[kept].reset_index(drop=True),
            numerator=self.numerator[:, kept],
            denominator=self.denominator[:, kept],
        )


def indicator_plan(
    persons: pd.DataFrame,
    breakdowns: Mapping[str, str] = BREAKDOWNS,
    *,
    age: str = "age_years",
    activity: str = "economic_activity",
) -> IndicatorPlan:
    """Lay out the estimates of every breakdown, category, age range and measure.

    Ages 16 and over and 16 to 64 have levels of population, employment, unemployment and inactivity and the three
    rates; occupation and industry only employment. All ages have the population by ``all``, sex, region and birth
    group. Categories are those of the respondents of the age range (of its employed, for occupation and industry);
    a respondent without a category is in ``all`` only.

    Parameters
    ----------
    persons : DataFrame
        Respondents: `age` in completed years, `activity` in the codes of ``economic_activity`` and the columns of
        `breakdowns`.
    breakdowns : mapping of str to str
        Breakdown -> column. ``age_band`` is made from years of age and ``occupation_major`` is the first digit of
        an occupation code; the others are taken as they are.

    Raises
    ------
    MethodError
        No persons, an absent column, a missing age, or respondents aged 16 or over whose activity is missing or of
        children: counts only.
    """
    require_columns(persons, [age, activity, *breakdowns.values()], "persons")
    years = persons[age].to_numpy(dtype=float, na_value=np.nan)
    _check_ages(years)
    doing = _activities(persons[activity], years >= ADULT_AGE)
    builder = _Builder(len(persons))
    for breakdown, column in {ALL: "", **breakdowns}.items():
        codes, categories = _categories(persons, breakdown, column)
        for age_range, inside in _age_ranges(years).items():
            builder.add(breakdown, age_range, np.where(inside, codes, -1), categories, doing)
    return builder.plan()


def _check_ages(years: FloatArray) -> None:
    if not len(years):
        raise MethodError("estimates: there are no persons")
    bad = int((~np.isfinite(years) | (years < 0)).sum())
    if bad:
        raise MethodError(f"estimates: {bad} of {len(years)} ages are missing or negative")


def _activities(values: pd.Series, adult: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Position of each person's activity in ACTIVITIES; -1 for children."""
    code = pd.Index(ACTIVITIES).get_indexer(pd.Index(values))
    unknown = int((adult & (code < 0)).sum())
    if unknown:
        raise MethodError(
            f"estimates: {unknown} of {int(adult.sum())} persons aged {ADULT_AGE} or over have no economic activity"
            f" among {', '.join(ACTIVITIES)}; correct or impute them first"
        )
    return np.where(adult, code, -1).astype(np.int64)


def _age_ranges(years: FloatArray) -> dict[str, NDArray[np.bool_]]:
    adult = years >= ADULT_AGE
    return {"all": np.ones(len(years), dtype=bool), "16+": adult, "16-64": adult & (years < PENSION_AGE)}


def _categories(persons: pd.DataFrame, breakdown: str, column: str) -> tuple[NDArray[np.int64], list[str]]:
    """Code of each person's category, -1 for none, and the names of the categories."""
    if breakdown == ALL:
        return np.zeros(len(persons), dtype=np.int64), [ALL]
    if breakdown == "age_band":
        return _age_bands(floats(persons[column]))
    values = persons[column].astype("string")
    if breakdown == "occupation_major":
        values = values.str[:1]
    codes, names = pd.factorize(values, sort=True)
    return codes.astype(np.int64), [str(name) for name in names]


def _age_bands(years: FloatArray) -> tuple[NDArray[np.int64], list[str]]:
    ages = catalog.codelist("control_age")
    lowest = ages["lowest"].astype(int).to_numpy()
    codes, names = pd.factorize(ages["control_age_band"])
    return codes[np.searchsorted(lowest, years, side="right") - 1].astype(np.int64), [str(name) for name in names]


class _Builder:
    """Collects counts and the estimates made of them."""

    def __init__(self, persons: int) -> None:
        self._persons = persons
        self._cells: list[sp.csc_array] = []
        self._size = 0
        self._rows: list[tuple[str, str, str, str]] = []
        self._parts: tuple[list[Sequence[int]], list[Sequence[int]]] = ([], [])

    def add(
        self,
        breakdown: str,
        age_range: str,
        codes: NDArray[np.int64],
        categories: Sequence[str],
        doing: NDArray[np.int64],
    ) -> None:
        """Add the estimates of one breakdown and age range; `codes` is -1 outside it."""
        if age_range == "all":
            if breakdown in _ALL_AGES:
                self._add(breakdown, age_range, codes, categories, (_EVERYBODY,), ["population_level"])
        elif breakdown in _EMPLOYED_ONLY:
            employed = np.where(doing == ACTIVITIES.index("employed"), codes, -1)
            self._add(breakdown, age_range, employed, categories, ("employed",), ["employment_level"])
        else:
            self._add(breakdown, age_range, codes, categories, ACTIVITIES, list(_MEASURES), doing)

    def _add(
        self,
        breakdown: str,
        age_range: str,
        codes: NDArray[np.int64],
        categories: Sequence[str],
        kinds: Sequence[str],
        measures: Sequence[str],
        kind: NDArray[np.int64] | None = None,
    ) -> None:
        """One count for each category in use and each of `kinds` (`kind` says which, one kind if absent)."""
        inside = np.flatnonzero(codes >= 0)
        seen, category = np.unique(codes[inside], return_inverse=True)
        cell = category * len(kinds) + (0 if kind is None else kind[inside])
        shape = (self._persons, len(seen) * len(kinds))
        self._cells.append(sp.csc_array((np.ones(len(inside)), (inside, cell)), shape=shape))
        for (position, code), measure in product(enumerate(seen), measures):
            first = self._size + position * len(kinds)
            self._rows.append((breakdown, categories[code], age_range, measure))
            for parts, names in zip(self._parts, _MEASURES[measure], strict=True):
                # A single count is its own numerator: everybody, or the employed.
                used = kinds if len(kinds) == 1 and names else names
                parts.append([first + kinds.index(name) for name in used])
        self._size += shape[1]

    def plan(self) -> IndicatorPlan:
        """The plan of everything added."""
        cells = sp.csc_array(sp.hstack(self._cells, format="csc"))
        numerator, denominator = (self._incidence(parts) for parts in self._parts)
        return IndicatorPlan(pd.DataFrame(self._rows, columns=list(KEY)), cells, numerator, denominator)

    def _incidence(self, parts: Sequence[Sequence[int]]) -> "sp.csc_array":
        ends = np.cumsum([0, *map(len, parts)])
        indices = np.array([cell for part in parts for cell in part], dtype=np.int64)
        return sp.csc_array((np.ones(len(indices)), indices, ends), shape=(self._size, len(parts)))
