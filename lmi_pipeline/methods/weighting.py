"""From respondents and population cells to calibration margins: what a dataset's controls are for one sample.

Persons whose country of birth or tenure is not stated are inside the controls of area, age and sex and outside those
of country of birth and tenure: the latter are scaled to the share who stated it, within the other dimensions of the
control. Cells with too few respondents are merged with a neighbour, as survey practice is, and counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.catalog.models import ControlRule
from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.cell_merging import Run, merge_runs, merge_sparse, runs_over_gaps
from lmi_pipeline.methods.margins import IntArray, Margin
from lmi_pipeline.methods.tables import FloatArray, require_columns

POPULATION = "population_count"
MAY_BE_UNKNOWN = ("birth_group", "tenure_group")
_CODELISTS = {
    "region_gss": "region",
    "region_group": "region_group",
    "age_group": "control_age",
    "age_band": "control_age_band",
    "age_broad": "control_age_broad",
    "tenure_group": "tenure_group",
}
_AGES = ("age_group", "age_band", "age_broad")
_ORDER = {"sex": ("male", "female"), "birth_group": ("uk", "eu", "non_eu")}


@dataclass(frozen=True, slots=True, eq=False)
class MarginSet:
    """Margins of one sample.

    Attributes
    ----------
    margins : tuple of Margin
    collapsed : int
        Cells merged with a neighbour.
    unknown_share : dict of str to float
        Base-weighted share of respondents outside the margins of a column, by column.
    """

    margins: tuple[Margin, ...]
    collapsed: int
    unknown_share: dict[str, float]


def codes_of(column: str) -> tuple[str, ...]:
    """Codes of a column of the controls, in order."""
    return _ORDER[column] if column in _ORDER else catalog.codes(_CODELISTS[column])


def control_columns(persons: pd.DataFrame) -> pd.DataFrame:
    """Add the columns that controls are cut by: age groups, region group, tenure group; not stated is null.

    Parameters
    ----------
    persons : DataFrame
        ``age_years, sex, region_gss, tenure, birth_group`` in our codes.
    """
    require_columns(persons, ["age_years", "sex", "region_gss", "tenure", "birth_group"], "persons")
    ages = catalog.codelist("control_age")
    row = np.searchsorted(ages["lowest"].astype(int).to_numpy(), persons["age_years"].to_numpy(), side="right") - 1
    birth = persons["birth_group"]
    return persons.assign(
        age_group=ages["code"].to_numpy()[row],
        age_band=ages["control_age_band"].to_numpy()[row],
        age_broad=ages["control_age_broad"].to_numpy()[row],
        region_group=persons["region_gss"].map(catalog.mapping("region", "region_group")),
        tenure_group=persons["tenure"].map(catalog.mapping("tenure", "tenure_group")),
        birth_group=birth.where(birth.isin(codes_of("birth_group"))),
    )


def cell_columns(cells: pd.DataFrame) -> pd.DataFrame:
    """Add the coarser columns to population cells by region and, where they have it, age group."""
    added = {"region_group": cells["region_gss"].map(catalog.mapping("region", "region_group"))}
    if "age_group" in cells:
        added["age_band"] = cells["age_group"].map(catalog.mapping("control_age", "control_age_band"))
        added["age_broad"] = cells["age_group"].map(catalog.mapping("control_age", "control_age_broad"))
    return cells.assign(**added)


def design_weights(region: pd.Series, totals: Mapping[str, float], factors: FloatArray | None = None) -> FloatArray:
    """Weights before calibration: respondents of a region stand for its population, in proportion to their factors.

    Without factors this is the inverse of the realised sampling fraction; with non-response factors it is that
    weight times the factor, on the scale of the population.

    Parameters
    ----------
    region : Series
        (n,) region of each respondent.
    totals : mapping of str to float
        Population of each region, persons.
    factors : ndarray, optional
        (n,) non-response factors.

    Raises
    ------
    MethodError
        A region has a population and no respondent, or the other way round.
    """
    weight = np.ones(len(region)) if factors is None else factors
    sums = pd.Series(weight, index=region.index).groupby(region).sum()
    absent = sorted(set(totals) ^ set(sums.index))
    if absent:
        raise MethodError(
            f"design weights: {len(absent)} regions without respondents or population: {', '.join(absent)}"
        )
    expansion = {area: totals[area] / sums[area] for area in totals}
    weights: FloatArray = weight * region.map(expansion).to_numpy(dtype=np.float64)
    return weights


def build_margins(
    persons: pd.DataFrame,
    base_weights: FloatArray,
    cells: pd.DataFrame,
    tenure: pd.DataFrame | None,
    rules: Sequence[ControlRule],
    *,
    fewest: int,
    gap: int = 1,
) -> MarginSet:
    """Margins of a sample for the controls of its dataset and vintage.

    Parameters
    ----------
    persons : DataFrame
        Respondents with the columns of :func:`control_columns`, n rows.
    base_weights : ndarray
        Weights before calibration, shape (n,).
    cells : DataFrame
        Population by region, sex, age group (and birth group) with :func:`cell_columns`; ``population_count``.
    tenure : DataFrame or None
        Population by region and tenure group; needed by rules with ``tenure_group``.
    rules : sequence of ControlRule
        Controls and how they are cut.
    fewest : int
        Respondents below which a cell is merged with its neighbour.
    gap : int
        Respondents below which a merged regional cell has the national cells merged too; 1 for cells without any.

    Raises
    ------
    MethodError
        A respondent outside the codes of a dimension that must be known, or totals that are missing.
    """
    positions = _positions(persons, rules)
    cuts = [_cut(positions, base_weights, cells, tenure, rule, fewest) for rule in rules]
    gaps = {run for cut in cuts for run in _regional_gaps(cut, gap)}
    margins, collapsed, unknown = [], 0, {}
    for cut in cuts:
        for column in set(cut.rule.dimensions) & set(MAY_BE_UNKNOWN):
            unknown[column] = float(base_weights[cut.flat < 0].sum() / base_weights.sum())
        margin = _margin(cut, _without_gaps(cut, gaps))
        margins.append(margin)
        collapsed += cut.target.size - len(margin.labels)
    return MarginSet(tuple(margins), collapsed, unknown)


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """One control of a sample: flat cell of each respondent (-1 unknown), totals, respondents, groups of cells."""

    rule: ControlRule
    flat: IntArray
    target: FloatArray
    counts: IntArray
    group: IntArray


def _cut(
    positions: Mapping[str, IntArray],
    base_weights: FloatArray,
    cells: pd.DataFrame,
    tenure: pd.DataFrame | None,
    rule: ControlRule,
    fewest: int,
) -> _Cut:
    totals = tenure if "tenure_group" in rule.dimensions else cells
    if totals is None:
        raise MethodError(f"control {rule.name}: there are no totals by tenure")
    index = np.stack([positions[column] for column in rule.dimensions])
    target = _totals(totals, rule) * _known_share(index, base_weights, rule)
    known = np.asarray((index >= 0).all(axis=0))
    flat = np.full(index.shape[1], -1, dtype=np.int64)
    flat[known] = np.ravel_multi_index(tuple(index[:, known]), target.shape)
    counts = np.bincount(flat[known], minlength=target.size).reshape(target.shape).astype(np.int64)
    group = np.arange(target.size).reshape(target.shape)
    if rule.merge_along:
        group = merge_sparse(counts, rule.dimensions.index(rule.merge_along), fewest)
    return _Cut(rule, flat, target, counts, group.astype(np.int64))


def _regional_gaps(cut: _Cut, gap: int) -> set[tuple[str, Run]]:
    """Sex and stretch of ages that a regional control merged over a cell with too few respondents."""
    rule = cut.rule
    if rule.merge_along not in _AGES or "region_gss" not in rule.dimensions:
        return set()
    axis = rule.dimensions.index(rule.merge_along)
    sex = [column for column in rule.dimensions if column != rule.merge_along].index("sex")
    found = runs_over_gaps(cut.counts, cut.group, axis, gap)
    return {(codes_of("sex")[place[sex]], _ages(rule.merge_along, run)) for place, run in found}


def _without_gaps(cut: _Cut, gaps: set[tuple[str, Run]]) -> IntArray:
    """Groups of a national control by sex and age, merged wherever a region had a gap."""
    rule = cut.rule
    if rule.merge_along not in _AGES or rule.dimensions != ("sex", rule.merge_along):
        return cut.group
    lowest = np.array([_ages(rule.merge_along, (at, at))[0] for at in range(len(codes_of(rule.merge_along)))])
    runs = []
    for sex, (first, last) in gaps:
        start = int(np.searchsorted(lowest, first, side="right")) - 1
        end = int(np.searchsorted(lowest, last, side="right")) - 1
        runs.append(((codes_of("sex").index(sex),), (start, end)))
    return merge_runs(cut.group, 1, runs).astype(np.int64)


@cache
def _ages(column: str, run: Run) -> tuple[int, int]:
    """Lowest and highest age of a stretch of codes of an age column."""
    ages = catalog.codelist("control_age")
    codes = ages["code"] if column == "age_group" else ages[_CODELISTS[column]]
    inside = ages[codes.isin(codes_of(column)[run[0] : run[1] + 1])]
    return int(inside["lowest"].astype(int).min()), int(inside["highest"].astype(int).max())


def _positions(persons: pd.DataFrame, rules: Sequence[ControlRule]) -> dict[str, IntArray]:
    """Position of every respondent among the codes of every column, shape (n,); -1 where not known."""
    found: dict[str, IntArray] = {}
    for rule in rules:
        for column in rule.dimensions:
            if column in found:
                continue
            position = pd.Index(codes_of(column)).get_indexer(pd.Index(persons[column])).astype(np.int64)
            strays = int((position < 0).sum())
            if strays and column not in MAY_BE_UNKNOWN:
                raise MethodError(
                    f"control {rule.name}: {strays} of {len(persons)} respondents have no code of {column}"
                )
            found[column] = position
    return found


def _totals(cells: pd.DataFrame, rule: ControlRule) -> FloatArray:
    dims = list(rule.dimensions)
    known = cells[cells[dims].notna().all(axis=1)]
    summed = known.groupby(dims)[POPULATION].sum()
    if len(dims) == 1:
        wanted: pd.Index = pd.Index(codes_of(dims[0]))
    else:
        wanted = pd.MultiIndex.from_product([codes_of(column) for column in dims])
    found = summed.reindex(wanted)
    if found.isna().any():
        raise MethodError(f"control {rule.name}: {int(found.isna().sum())} of {len(found)} cells have no population")
    shaped: FloatArray = found.to_numpy(dtype=float).reshape([len(codes_of(column)) for column in dims])
    return shaped


def _known_share(index: np.ndarray, base_weights: FloatArray, rule: ControlRule) -> FloatArray:
    """Share of base weights whose unknown-able dimensions are known, by the other dimensions; broadcasts to totals."""
    fixed = [at for at, column in enumerate(rule.dimensions) if column not in MAY_BE_UNKNOWN]
    sizes = [len(codes_of(column)) for column in rule.dimensions]
    shape = [size if at in fixed else 1 for at, size in enumerate(sizes)]
    place = np.zeros(index.shape[1], dtype=np.int64)
    for at in fixed:
        place = place * sizes[at] + index[at]
    cells = int(np.prod([sizes[at] for at in fixed], dtype=np.int64))
    whole = np.bincount(place, base_weights, minlength=cells)
    known = np.bincount(place, base_weights * (index >= 0).all(axis=0), minlength=cells)
    share: FloatArray = np.divide(known, whole, out=np.ones(cells), where=whole > 0).reshape(shape)
    return share


def _margin(cut: _Cut, group: IntArray) -> Margin:
    kept, new = np.unique(group.ravel(), return_inverse=True)
    totals = np.bincount(new, cut.target.ravel(), minlength=len(kept)).astype(np.float64)
    index = np.where(cut.flat >= 0, new[cut.flat], -1)
    return Margin(cut.rule.name, _labels(cut.rule, group, kept), totals, index.astype(np.int64))


def _labels(rule: ControlRule, group: np.ndarray, kept: np.ndarray) -> tuple[str, ...]:
    """Label of every kept cell; a merged one names its first and last code along the axis."""
    names = []
    axis = rule.dimensions.index(rule.merge_along) if rule.merge_along else -1
    for cell in kept:
        members = np.argwhere(group == cell)
        parts = [codes_of(column)[members[0][at]] for at, column in enumerate(rule.dimensions)]
        if len(members) > 1:
            parts[axis] += f" to {codes_of(rule.dimensions[axis])[members[-1][axis]]}"
        names.append(", ".join(parts))
    return tuple(names)
