"""Controls examined before solving: what is empty, what disagrees and by how much, what is superfluous."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.calibration import calibrate
from lmi_pipeline.methods.calibration_checks import ControlExamination, examine_controls
from lmi_pipeline.methods.margins import Margin, control_labels, control_totals, design_matrix

REGIONS = ("E12000001", "E12000007", "S92000003")
SEXES, AGES, TENURES = ("female", "male"), ("16-24", "25-49", "50+"), ("owned", "rented")
COUNTS = (len(REGIONS), len(SEXES), len(AGES), len(TENURES))
PLACES = np.indices(COUNTS).reshape(4, -1).repeat(3, axis=1)
POPULATION = np.random.default_rng(12).uniform(800, 1200, COUNTS)


def margin(name: str, axes: tuple[int, ...]) -> Margin:
    """Controls over some axes of the population, met by it exactly."""
    texts = (REGIONS, SEXES, AGES, TENURES)
    labels = tuple(", ".join(codes) for codes in product(*(texts[axis] for axis in axes)))
    totals = POPULATION.sum(axis=tuple(set(range(4)) - set(axes))).ravel()
    index = np.ravel_multi_index(tuple(PLACES[list(axes)]), [COUNTS[axis] for axis in axes])
    return Margin(name, labels, totals, index.astype(np.int64))


@pytest.fixture
def margins() -> list[Margin]:
    return [margin("region_total", (0,)), margin("region_age_sex", (0, 2, 1)), margin("region_tenure", (0, 3))]


@pytest.fixture
def base() -> np.ndarray:
    return np.random.default_rng(1).uniform(200, 500, PLACES.shape[1])


def scaled(of: Margin, cell: int, factor: float) -> Margin:
    return replace(of, totals=np.where(np.arange(len(of.totals)) == cell, factor * of.totals, of.totals))


def told(examined: ControlExamination) -> str:
    with pytest.raises(MethodError) as error:
        examined.raise_if_inconsistent()
    return str(error.value)


def test_controls_that_agree_have_no_conflict_and_their_surplus_is_named(
    base: np.ndarray, margins: list[Margin]
) -> None:
    examined = examine_controls(base, margins)
    examined.raise_if_inconsistent()
    assert examined.conflicts.empty
    assert examined.empty == ()
    x = design_matrix(margins, len(base)).toarray()
    assert np.linalg.matrix_rank(x) == np.linalg.matrix_rank(x[:, examined.kept]) == len(examined.kept)
    labels = control_labels(margins)
    assert {labels[at] for at in examined.kept} | set(examined.redundant) == set(labels)


def test_a_region_off_by_five_per_cent_is_named_as_that_region_with_the_other_control(
    base: np.ndarray, margins: list[Margin]
) -> None:
    margins[0] = scaled(margins[0], 1, 1 / 1.05)
    examined = examine_controls(base, margins)
    assert len(examined.conflicts) == 2
    np.testing.assert_allclose(examined.conflicts["relative_size"].abs(), 1 - 1 / 1.05, rtol=1e-6)
    gap = margins[0].totals[1] * 0.05
    np.testing.assert_allclose(examined.conflicts["size"].abs(), gap, rtol=1e-6)
    text = told(examined)
    assert "region_total: E12000007 is 4.76 %" in text
    assert "below region_age_sex summed over E12000007" in text
    assert "below region_tenure summed over E12000007" in text
    assert "E12000001" not in text
    assert "S92000003" not in text
    assert examined.suspect == "region_total"
    assert "all are with region_total" in text


def test_the_sum_of_cells_off_by_five_per_cent_is_named_as_the_region(base: np.ndarray, margins: list[Margin]) -> None:
    inside = np.arange(len(margins[1].totals)) // 6 == 1
    margins[1] = replace(margins[1], totals=np.where(inside, 1.05, 1.0) * margins[1].totals)
    text = told(examine_controls(base, margins[1:]))
    assert "1 conflicts" in text
    assert "region_age_sex summed over E12000007 is 5 %" in text
    assert "above region_tenure summed over E12000007" in text
    assert "all are with" not in text


def test_calibrate_raises_the_conflict_before_solving(base: np.ndarray, margins: list[Margin]) -> None:
    margins[0] = scaled(margins[0], 2, 1.05)
    with pytest.raises(
        MethodError, match=r"region_total: S92000003 is 5 % .* above region_age_sex summed over S92000003"
    ):
        calibrate(base, margins, max_iterations=0)


def test_totals_of_two_crossed_margins_that_differ_are_named_as_wholes(base: np.ndarray) -> None:
    both = [margin("sex", (1,)), margin("age", (2,))]
    text = told(examine_controls(base, [scaled(both[0], 0, 1.1), both[1]]))
    relative = (0.1 * both[0].totals[0]) / POPULATION.sum()
    assert f"sex in all is {100 * relative:.3g} %" in text
    assert "above age in all" in text


def test_a_difference_within_the_tolerance_is_no_conflict(base: np.ndarray, margins: list[Margin]) -> None:
    margins[0] = scaled(margins[0], 0, 1 + 1e-5)
    assert len(examine_controls(base, margins).conflicts) == 2
    assert examine_controls(base, margins, tolerance=1e-4).conflicts.empty


def test_three_controls_that_no_pair_shows_to_disagree(base: np.ndarray) -> None:
    by_age = margin("age", (2,))
    women = replace(by_age, name="women_by_age", totals=POPULATION.sum(axis=(0, 3))[0])
    men = replace(by_age, name="men_by_age", totals=POPULATION.sum(axis=(0, 3))[1])
    female = PLACES[1] == 0
    women = replace(women, index=np.where(female, women.index, -1))
    men = replace(men, index=np.where(female, -1, men.index))
    examine_controls(base, [women, men, by_age]).raise_if_inconsistent()
    examined = examine_controls(base, [women, men, scaled(by_age, 1, 1.02)])
    assert len(examined.conflicts) == 1
    text = told(examined)
    assert "2" in text
    for name in ("women_by_age: 25-49", "men_by_age: 25-49", "age: 25-49"):
        assert name in text
    assert "16-24" not in text


def test_a_continuous_control_that_follows_from_others_must_agree_with_them(base: np.ndarray) -> None:
    by_sex = margin("sex", (1,))
    everybody = np.zeros(len(base), dtype=np.int64)
    doubled = Margin("doubled", ("all",), np.array([2.2 * POPULATION.sum()]), everybody, np.full(len(base), 2.0))
    text = told(examine_controls(base, [by_sex, doubled]))
    assert "doubled" in text
    assert "sex" in text


def test_an_empty_cell_with_people_in_its_control_is_named(base: np.ndarray, margins: list[Margin]) -> None:
    margins[1] = replace(margins[1], index=np.where(margins[1].index == 7, 6, margins[1].index))
    text = told(examine_controls(base, margins))
    assert "1 controls have no respondent: region_age_sex: E12000007, 16-24, male" in text
    assert "merge" in text


def test_units_without_weight_do_not_fill_a_cell(base: np.ndarray, margins: list[Margin]) -> None:
    base = np.where(PLACES[3] + COUNTS[3] * PLACES[0] == 3, 0.0, base)
    examined = examine_controls(base, margins)
    assert examined.empty == ("region_tenure: E12000007, rented",)


def test_controls_of_zero_are_structural_if_they_have_units(base: np.ndarray, margins: list[Margin]) -> None:
    zero = scaled(margins[2], 0, 0.0)
    moved = zero.totals.copy()
    moved[1] += margins[2].totals[0]
    margins[2] = replace(zero, totals=moved)
    examined = examine_controls(base, margins)
    assert examined.structural_zeros == ("region_tenure: E12000001, owned",)
    examined.raise_if_inconsistent()


def test_best_effort_meets_what_can_be_met(base: np.ndarray, margins: list[Margin]) -> None:
    margins[0] = scaled(margins[0], 1, 1.05)
    result = calibrate(base, margins, best_effort=True)
    assert not result.converged
    assert result.max_relative_error == pytest.approx(0.05, rel=0.1)
    elsewhere = [at for at, label in enumerate(result.labels) if "E12000007" not in label]
    size = control_totals(margins)[elsewhere]
    assert np.abs(result.residuals[elsewhere] / size).max() < 1e-9


def test_margins_that_cover_some_units_only_are_compared_on_what_they_share(
    base: np.ndarray, margins: list[Margin]
) -> None:
    part = replace(margins[2], name="tenure_outside_scotland")
    inside = part.index < 4
    part = Margin(part.name, part.labels[:4], part.totals[:4], np.where(inside, part.index, -1))
    examine_controls(base, [margins[0], part]).raise_if_inconsistent()
    text = told(examine_controls(base, [margins[0], scaled(part, 0, 1.5)]))
    assert "region_total: E12000001" in text
    assert "1 conflicts" in text
