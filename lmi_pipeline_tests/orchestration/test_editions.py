"""A later edition of the base year's files: the vintages before it stay as they are, the later ones rest on it."""

import shutil

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.assets.cells import base_year_persons, cells_of
from lmi_pipeline.assets.impact import ImpactInputs
from lmi_pipeline.assets.inputs import control_inputs
from lmi_pipeline.assets.reweighting import controls_of
from lmi_pipeline.storage.lake import Lake

pytestmark = pytest.mark.xdist_group("built")

STOCK, WEIGHT = "est_population__quarterly_stock", "core_lfs__quarterly_published_weight"
TABLES = (
    STOCK, WEIGHT, "core_lfs__quarterly_person", "est_rti__quarterly_growth", "est_population__quarterly_control",
    "core_population__quarterly_natural_change", "core_population__yearly_estimate",
    "core_population__yearly_projection", "core_migration__yearly_net",
)  # fmt: skip
BEFORE, AFTER = "pwt20", "pwt24"
MORE_ABROAD = 1.25
QUARTER = "2020-01"


def reissue(lake, *, alone=False):
    """Deliver five quarters once more with PWT24, a quarter more people born abroad; alone: instead of those held."""
    held = lake.read(STOCK)
    in_base = held["quarter"].between("2018-10", "2019-10")
    moved = held[in_base].assign(edition=held["edition"].str[:13] + "_pwt24")
    abroad = moved["birth_group"].isin(["eu", "non_eu"])
    moved["population_count"] *= np.where(abroad, MORE_ABROAD, 1)
    lake.write(STOCK, pd.concat([held[~in_base] if alone else held, moved], ignore_index=True))
    persons = lake.read("core_lfs__quarterly_person", columns=["quarter", "person_id", "birth_group"])
    born = persons[persons["birth_group"].isin(["eu", "non_eu"])].set_index(["quarter", "person_id"]).index
    for quarter in sorted(set(held.loc[in_base, "quarter"])):
        rows = lake.read(WEIGHT, where={"quarter": quarter})
        later = rows.assign(edition=rows["edition"].str[:13] + "_pwt24", analysis_weight_year=24)
        is_born = pd.MultiIndex.from_frame(later[["quarter", "person_id"]]).isin(born)
        later["analysis_weight"] *= np.where(is_born, MORE_ABROAD, 1)
        kept = [later] if alone else [rows, later]
        lake.write(WEIGHT, pd.concat(kept, ignore_index=True), {"quarter": quarter})


def copied(built, folder):
    for table in TABLES:
        shutil.copytree(built.data / "lake" / table, folder / table)
    return Lake(folder)


@pytest.fixture(scope="module")
def both(built, tmp_path_factory):
    lake = copied(built, tmp_path_factory.mktemp("both"))
    reissue(lake)
    return lake


@pytest.fixture(scope="module")
def only_later(built, tmp_path_factory):
    lake = copied(built, tmp_path_factory.mktemp("later"))
    reissue(lake, alone=True)
    return lake


def controls(lake, name):
    vintage = catalog.weight_vintage(name)
    inputs = control_inputs(lake, vintage)
    frame = controls_of(inputs, vintage)
    nation = frame[(frame["quarter"] == QUARTER) & (frame["area_code"] == catalog.UNITED_KINGDOM)]
    return frame, nation.set_index("birth_group")["population_count"], inputs


def test_controls_when_a_later_edition_comes_then_only_those_of_a_later_vintage_change(built, both):
    before, _, _ = controls(built.lake, BEFORE)
    after, _, inputs = controls(both, BEFORE)
    pd.testing.assert_frame_equal(after, before)
    assert inputs.later_editions == ()
    _, was, _ = controls(built.lake, AFTER)
    _, now, inputs = controls(both, AFTER)
    ratio = now / was
    assert ratio["eu"] > 1.2
    assert ratio["uk"] < 1.01
    assert inputs.later_editions == ()


def test_controls_when_the_later_edition_stands_alone_then_it_is_taken_and_named(built, only_later):
    _, was, _ = controls(built.lake, BEFORE)
    _, now, inputs = controls(only_later, BEFORE)
    assert (now / was)["eu"] > 1.2
    assert inputs.later_editions == tuple(f"lfsp_{name}_eul_pwt24" for name in ("aj19", "jm19", "js19", "od18", "od19"))


def test_cells_when_a_later_edition_comes_then_only_those_of_a_later_vintage_change(built, both):
    for name, changes in ((BEFORE, False), (AFTER, True)):
        vintage = catalog.weight_vintage(name)
        was, now = (cells_of(lake, vintage) for lake in (built.lake, both))
        keys = ["quarter", "birth_group"]
        ratio = now.frame.groupby(keys)["population_count"].sum() / was.frame.groupby(keys)["population_count"].sum()
        assert (ratio["2019-07", "eu"] > 1.1) == changes
        assert now.frame.equals(was.frame) is not changes
        assert now.later_editions == ()


def test_base_year_when_a_later_edition_comes_then_each_vintage_has_its_own_weight_once(built, both, only_later):
    vintage = catalog.weight_vintage("pwt18_tenure")
    was, now = (base_year_persons(lake, vintage) for lake in (built.lake, both))
    pd.testing.assert_frame_equal(now.frame, was.frame)
    newest = base_year_persons(both, catalog.weight_vintage(AFTER)).frame
    assert len(newest) == len(was.frame)
    assert set(newest["edition"].str[-2:]) == {"24"}
    assert len(base_year_persons(only_later, vintage).later) == 4


def test_evidence_when_a_later_edition_comes_then_only_that_of_a_later_vintage_changes(built, both, only_later):
    of = {name: catalog.weight_vintage(name) for name in (BEFORE, AFTER)}
    evidence = {
        (place, name): ImpactInputs(lake).evidence(of[name]).stocks
        for place, lake in (("built", built.lake), ("both", both))
        for name in of
    }
    np.testing.assert_array_equal(evidence["both", BEFORE], evidence["built", BEFORE])
    assert (evidence["both", AFTER] > 1.2 * evidence["built", AFTER]).any()
    inputs = ImpactInputs(only_later)
    inputs.evidence(of[BEFORE])
    assert len(inputs.later_editions[BEFORE]) == 5
