"""Weights of one dataset and quarter: base weights, margins, calibration, and a check independent of the solver."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lmi_pipeline.catalog.models import ControlRule, WeightingDataset
from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.calibration import Calibration, calibrate
from lmi_pipeline.methods.distances import Raking
from lmi_pipeline.methods.margins import Margin, margin_errors
from lmi_pipeline.methods.tables import FloatArray
from lmi_pipeline.methods.weighting import MarginSet, build_margins, design_weights

WEEK, HOUSEHOLD = "reference_week", "household_id"


@dataclass(frozen=True, slots=True)
class Merging:
    """Respondents below which a cell is merged, and below which a regional gap merges the national cells too."""

    fewest: int
    gap: int


@dataclass(frozen=True, slots=True, eq=False)
class SampleMargins:
    """A sample that is calibrated at once: rows of the persons, their base weights and margins."""

    rows: NDArray[np.int64]
    base_weights: FloatArray
    household: NDArray[np.int64] | None
    margin_set: MarginSet

    @property
    def margins(self) -> tuple[Margin, ...]:
        """Margins of the sample."""
        return self.margin_set.margins


@dataclass(frozen=True, slots=True, eq=False)
class DatasetWeights:
    """Weights of a dataset.

    Attributes
    ----------
    weights, base_weights : ndarray
        Shape (n,), in the order of the persons.
    maximum_relative_error : float
        Largest relative difference between a control and the weighted sample, computed from the weights alone.
    iterations : int
        Of the sample that needed most.
    control_count, redundant_count, collapsed_count : int
        Controls used, those that follow from others, and cells merged; over all samples.
    not_stated_share : float
        Base-weighted share of respondents outside the country-of-birth control; 0 without one.
    merging : Merging
        How cells were merged.
    """

    weights: FloatArray
    base_weights: FloatArray
    maximum_relative_error: float
    iterations: int
    control_count: int
    redundant_count: int
    collapsed_count: int
    not_stated_share: float
    merging: Merging


def rules_of(dataset: WeightingDataset, controls: Sequence[str]) -> list[ControlRule]:
    """How a dataset cuts the controls of a vintage; controls it does not list are not used."""
    return [rule for rule in dataset.controls if rule.name in controls]


def samples(
    persons: pd.DataFrame,
    factors: FloatArray,
    cells: pd.DataFrame,
    tenure: pd.DataFrame | None,
    dataset: WeightingDataset,
    rules: Sequence[ControlRule],
    merging: Merging | None = None,
) -> Iterator[SampleMargins]:
    """Split a dataset into what is calibrated at once (weeks, or all of it) and build its margins.

    Parameters
    ----------
    persons : DataFrame
        Respondents with the columns of :func:`lmi_pipeline.methods.weighting.control_columns`, n rows.
    factors : ndarray
        Non-response factors, shape (n,).
    cells, tenure : DataFrame
        Population by cell and by tenure, as :func:`lmi_pipeline.methods.weighting.build_margins` takes them.
    dataset : WeightingDataset
    rules : sequence of ControlRule
        Controls and how they are cut.
    merging : Merging, optional
        When cells are merged; by the dataset's own threshold if absent.
    """
    merge = merging or Merging(dataset.fewest_respondents, 1)
    totals = cells.groupby("region_gss")["population_count"].sum()
    population = {str(region): float(count) for region, count in totals.items()}
    groups = persons.groupby(WEEK).indices.values() if dataset.by_week else [np.arange(len(persons))]
    for rows in groups:
        sample = persons.iloc[rows]
        regions = sample["region_gss"].unique() if dataset.by_week else population
        of_region = {region: population[region] for region in regions}
        base = design_weights(sample["region_gss"], of_region, factors[rows])
        household = pd.factorize(sample[HOUSEHOLD])[0].astype(np.int64) if dataset.household_integrated else None
        margins = build_margins(sample, base, cells, tenure, rules, fewest=merge.fewest, gap=merge.gap)
        yield SampleMargins(np.asarray(rows, dtype=np.int64), base, household, margins)


def mergings(dataset: WeightingDataset) -> list[Merging]:
    """How cells are merged, from as little as possible to more where the controls cannot be met otherwise.

    In a small sample a few respondents can be in so many controls at once that these cannot all be met.
    """
    fewest = dataset.fewest_respondents
    return [Merging(fewest, 1), *(Merging(factor * fewest, factor * fewest) for factor in (1, 2, 4))]


def weigh(
    persons: pd.DataFrame,
    factors: FloatArray,
    cells: pd.DataFrame,
    tenure: pd.DataFrame | None,
    dataset: WeightingDataset,
    controls: Sequence[str],
) -> DatasetWeights:
    """Calibrate a dataset to the controls of a vintage, by raking.

    Parameters as for :func:`samples`; `controls` are the names of the vintage's controls. Where the controls cannot
    be met, more cells are merged; `merging` of the result says how.

    Raises
    ------
    MethodError
        Controls that disagree, an empty cell, or no convergence, however cells are merged; named as they were at
        first.
    """
    first: MethodError | None = None
    for merging in mergings(dataset):
        try:
            return _weigh(persons, factors, cells, tenure, dataset, controls, merging)
        except MethodError as error:
            first = first or error
    raise first or MethodError(f"{dataset.name}: no way to merge cells")


def _weigh(
    persons: pd.DataFrame,
    factors: FloatArray,
    cells: pd.DataFrame,
    tenure: pd.DataFrame | None,
    dataset: WeightingDataset,
    controls: Sequence[str],
    merging: Merging,
) -> DatasetWeights:
    rules = rules_of(dataset, controls)
    weights, base = np.zeros(len(persons)), np.zeros(len(persons))
    errors, iterations, used, redundant, collapsed = [0.0], 0, 0, 0, 0
    silent = 0.0
    for sample in samples(persons, factors, cells, tenure, dataset, rules, merging):
        solved = _solve(sample, dataset)
        weights[sample.rows], base[sample.rows] = solved.weights, sample.base_weights
        errors.append(float(margin_errors(solved.weights, sample.margins)["relative_error"].abs().max()))
        iterations = max(iterations, solved.iterations)
        used, redundant = used + len(solved.labels), redundant + len(solved.redundant)
        collapsed += sample.margin_set.collapsed
        silent += sample.margin_set.unknown_share.get("birth_group", 0.0) * len(sample.rows) / len(persons)
    return DatasetWeights(weights, base, max(errors), iterations, used, redundant, collapsed, silent, merging)


def _solve(sample: SampleMargins, dataset: WeightingDataset) -> Calibration:
    try:
        return calibrate(sample.base_weights, sample.margins, distance=Raking(), household=sample.household)
    except MethodError as error:
        raise MethodError(f"{dataset.name}, {len(sample.rows)} respondents: {error}") from error
