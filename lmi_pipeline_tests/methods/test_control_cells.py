"""Population cells: interpolation, the split by country of birth, growth by group."""

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.control_cells import (
    common_population,
    interpolate_mid_years,
    mean_age_profile,
    move_by_birth_group,
    quarter_position,
    split_by_birth_group,
    years_around,
)

AREAS, SEXES, AGES = ("A", "B"), ("male", "female"), ("0-15", "16+")
REGIONS_OF_AREA = np.array([0, 0, 1])


def mid_year(years, growth=1.0):
    rows = [
        (year, area, sex, age, 100.0 * (1 + i) * growth ** (year - years[0]))
        for year in years
        for i, (area, sex, age) in enumerate((a, s, g) for a in AREAS for s in SEXES for g in AGES)
    ]
    return pd.DataFrame(rows, columns=["year", "area_code", "sex", "age_group", "population_count"])


def test_quarters_lie_where_the_calendar_has_them():
    assert quarter_position("2020-01") == 2020.125
    assert quarter_position("2020-10") == 2020.875
    assert years_around("2020-04") == (2019, 2020)
    assert years_around("2020-07") == (2020, 2021)


def test_a_straight_line_between_mid_years():
    frame = mid_year([2019, 2020])
    frame.loc[frame["year"] == 2020, "population_count"] += 80.0
    found = interpolate_mid_years(frame, "2020-01", areas=AREAS, sexes=SEXES, ages=AGES)
    assert found[0, 0, 0] == pytest.approx(100 + 80 * 0.625)
    assert found[1, 1, 1] == pytest.approx(800 + 80 * 0.625)


def test_a_missing_mid_year_is_named():
    with pytest.raises(MethodError, match="2020-07 needs mid-2020 and mid-2021; mid-2021"):
        interpolate_mid_years(mid_year([2019, 2020]), "2020-07", areas=AREAS, sexes=SEXES, ages=AGES)


def split(rng):
    cells = rng.uniform(50, 500, (3, 2, 4))
    shares = np.array([[0.9, 0.04, 0.06], [0.6, 0.15, 0.25]])
    totals = np.array([cells[:2].sum(), cells[2].sum()])[:, None] * shares
    profile = rng.uniform(1, 5, (4, 3))
    return cells, totals, profile, split_by_birth_group(cells, totals, REGIONS_OF_AREA, profile)


def test_the_split_meets_cells_and_group_totals():
    cells, totals, _, parts = split(np.random.default_rng(1))
    np.testing.assert_allclose(parts.sum(axis=-1), cells, rtol=1e-10)
    reached = np.stack([parts[:2].sum(axis=(0, 1, 2)), parts[2].sum(axis=(0, 1))])
    np.testing.assert_allclose(reached, totals, rtol=1e-10)
    assert (parts > 0).all()


def test_a_population_of_the_assumed_form_is_recovered_exactly():
    """Where groups differ by age alone and regions by their mix, the split is the truth."""
    rng = np.random.default_rng(2)
    profile = rng.dirichlet(np.ones(5), size=3).T
    mix = rng.uniform(1e3, 1e5, (3, 3))
    true = mix[:, None, None, :] * profile[None, None, :, :] * np.array([0.49, 0.51])[None, :, None, None]
    national = true.sum(axis=(0, 1))
    found = split_by_birth_group(true.sum(axis=-1), mix, np.arange(3), national)
    np.testing.assert_allclose(found, true, rtol=1e-8)


def test_only_the_shares_of_the_totals_count():
    cells, totals, profile, parts = split(np.random.default_rng(3))
    np.testing.assert_allclose(split_by_birth_group(cells, 1.1 * totals, REGIONS_OF_AREA, profile), parts, rtol=1e-9)


def test_moving_keeps_the_structure_of_each_group():
    _, totals, _, parts = split(np.random.default_rng(4))
    controls = totals * np.array([1.01, 0.9, 1.2])
    moved = move_by_birth_group(parts, controls, REGIONS_OF_AREA)
    np.testing.assert_allclose(moved[2].sum(axis=(0, 1)), controls[1], rtol=1e-12)
    np.testing.assert_allclose(moved[..., 1] / parts[..., 1], 0.9, rtol=1e-9)


def test_a_control_without_structure_is_refused():
    parts = np.ones((3, 2, 4, 3))
    parts[2, :, :, 1] = 0.0
    with pytest.raises(MethodError, match="1 birth groups of areas have a control and no structure"):
        move_by_birth_group(parts, np.ones((2, 3)), REGIONS_OF_AREA)


def test_who_came_or_left_is_not_in_the_common_population():
    before, now = np.ones((3, 2, 4, 3)), np.ones((3, 2, 4, 3))
    now[..., 1] = 2.0
    now[2, ..., 2] = 0.5
    common = common_population(now, before, REGIONS_OF_AREA, 2)
    assert common[..., 1].sum() == pytest.approx(before[..., 1].sum())
    assert common[2, ..., 2].sum() == pytest.approx(now[2, ..., 2].sum())


def test_an_age_profile_needs_every_group():
    persons = pd.DataFrame({"age_group": ["0-15"], "birth_group": ["uk"], "w": [1.0]})
    with pytest.raises(MethodError, match="nobody in birth group eu"):
        mean_age_profile(persons, "w", ages=AGES, groups=("uk", "eu"))
