"""The gate on one product: what is decided, that certificates prove it, and that a changed decision is found out."""

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.release.protection import decide, fingerprint_of, primary_of, verify

PRODUCT = catalog.product("pay")
KEY = list(PRODUCT.dimensions)
TOTAL = {name: catalog.hierarchy_nodes(h)["code"].iloc[-1] for name, h in PRODUCT.dimensions.items()}
GROUPS = ("2111", "2112", "2113", "2114")
REGIONS = ("W92000004", "S92000003", "N92000002")


def cells(jobs, respondents=50.0) -> pd.DataFrame:
    """Unit groups of one minor group by three nations: jobs of each, and every sum."""
    leaves = pd.DataFrame(jobs, index=list(GROUPS), columns=list(REGIONS), dtype=float)
    full = leaves.copy()
    full.loc["211"] = leaves.sum()
    full[TOTAL["area_code"]] = full.sum(axis=1)
    rows = full.stack().rename("job_count").rename_axis(["occupation_code", "area_code"]).reset_index()
    for name in KEY:
        if name not in rows:
            rows[name] = TOTAL[name]
    return rows.assign(
        year=2020, pay_bill_gbp=rows["job_count"] * 500.0, hours_bill=rows["job_count"] * 37.0,
        respondent_count=respondents, synthetic="true",
    )  # fmt: skip


@pytest.fixture
def held():
    return cells([[400, 30e3, 25e3], [12e3, 9e3, 7e3], [3e3, 800, 4e3], [2e3, 5e3, 11e3]])


def status(decision, occupation, area) -> str:
    row = decision[(decision["occupation_code"] == occupation) & (decision["area_code"] == area)]
    return row["status"].item()


def test_decide_then_thin_cells_and_enough_others_are_withheld(held):
    gate = decide(PRODUCT, held)
    assert status(gate.decision, "2111", REGIONS[0]) == status(gate.decision, "2113", REGIONS[1]) == "withheld"
    assert status(gate.decision, "2112", REGIONS[0]) != "withheld" or gate.counts["complementary"] > 0
    assert gate.counts["withheld"] >= 4
    assert gate.counts["certified"] >= 2
    assert set(gate.decision["audit_id"]) == {gate.audit_id}


def test_decide_twice_then_the_same_to_the_last_bit(held):
    first, second = decide(PRODUCT, held), decide(PRODUCT, held.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(first.decision, second.decision)
    pd.testing.assert_frame_equal(first.witness, second.witness)
    pd.testing.assert_frame_equal(first.offer, second.offer)
    assert fingerprint_of(PRODUCT, held) == fingerprint_of(PRODUCT, held.sample(frac=1, random_state=1))


def test_verify_when_as_decided_then_nothing_is_wrong(held):
    gate = decide(PRODUCT, held)
    assert verify(PRODUCT, held, gate.decision, gate.witness) == []


def test_verify_when_a_primary_cell_is_shown_then_told(held):
    gate = decide(PRODUCT, held)
    shown = gate.decision.copy()
    shown.loc[(shown["occupation_code"] == "2111") & (shown["area_code"] == REGIONS[0]), "status"] = "ok"
    bare, moved = verify(PRODUCT, held, shown, gate.witness)
    assert bare == "1 cells are shown that a rule withholds"
    assert "move a published cell" in moved


def test_verify_when_there_are_no_certificates_then_told(held):
    gate = decide(PRODUCT, held)
    (fault,) = verify(PRODUCT, held, gate.decision, gate.witness.head(0))
    assert "withheld cells have no certificate" in fault


def test_verify_when_the_cells_have_changed_then_told(held):
    gate = decide(PRODUCT, held)
    other = held[held["occupation_code"] != "2114"]
    assert verify(PRODUCT, other, gate.decision, gate.witness) == ["the decisions are not on the cells as they stand"]


def test_offers_then_each_points_to_a_published_cell_above(held):
    gate = decide(PRODUCT, held)
    of = gate.decision.set_index(KEY)["status"]
    targets = of.loc[pd.MultiIndex.from_frame(gate.offer[[f"alternative_{name}" for name in KEY]])]
    assert targets.tolist() == gate.offer["alternative_status"].tolist()
    assert set(targets) <= {"ok", "small_sample"}
    mine = gate.offer[(gate.offer["occupation_code"] == "2111") & (gate.offer["area_code"] == REGIONS[0])]
    assert mine["rank"].tolist() == list(range(1, len(mine) + 1))
    assert len(mine) > 0


@pytest.mark.parametrize(
    ("jobs", "word"),
    [(999.5, "withheld"), (999.999, "withheld"), (1000.0, "small_sample"), (9999.99, "small_sample"), (10000.0, "ok")],
)
def test_ladder_then_tested_on_the_unrounded_number(jobs, word):
    frame = cells([[jobs, 30e3, 25e3], [12e3, 19e3, 17e3], [13e3, 18e3, 14e3], [12e3, 15e3, 11e3]])
    found = pd.Series(primary_of(PRODUCT, frame).status)
    assert found[(frame["occupation_code"] == "2111") & (frame["area_code"] == REGIONS[0])].item() == word


@pytest.mark.parametrize(("respondents", "word"), [(9.0, "withheld"), (10.0, "ok"), (np.nan, "ok")])
def test_contributors_then_counted_where_there_are_records(respondents, word):
    frame = cells(np.full((4, 3), 20e3), respondents=respondents)
    assert set(primary_of(PRODUCT, frame).status) == {word}
