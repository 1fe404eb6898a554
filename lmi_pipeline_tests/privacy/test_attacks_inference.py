"""Attacks on what stands around figures: shape, wording, offers, errors, coefficients, old releases, many routes."""

from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.errors import DisclosureError, LmiError, MethodError
from lmi_pipeline.methods.disclosure_lattice import Dimension, build_lattice
from lmi_pipeline.methods.disclosure_protect import protect
from lmi_pipeline.methods.disclosure_rules import combine, contributor_counts, reliability_ladder
from lmi_pipeline.quality.rules import run_rules
from lmi_pipeline.quality.schema_checks import check_schema
from lmi_pipeline.release import publish as releases
from lmi_pipeline.release.explain import explain
from lmi_pipeline.release.explain_row import ReleaseFolder
from lmi_pipeline.release.explain_text import render
from lmi_pipeline.release.protection import decide
from lmi_pipeline.release.servable import servable
from lmi_pipeline.storage.lake import Lake
from lmi_pipeline.storage.sql import load_models, run_model
from lmi_pipeline_tests.privacy import toys
from lmi_pipeline_tests.release.conftest import mart_rows
from lmi_pipeline_tests.release.explain_folder import make_release

MODELS = Path(__file__).parents[2] / "dbt_like_sql" / "models"
MART, OFFERS = "out_pay__yearly_cell", "out_pay__yearly_alternative"
PAY = catalog.product("pay")
KEY = ["year", *PAY.dimensions]
TOTAL = {name: catalog.hierarchy_nodes(h)["code"].iloc[-1] for name, h in PAY.dimensions.items()}
GROUPS, NATIONS = ("2111", "2112", "2113", "2114"), ("W92000004", "S92000003", "N92000002")
JOBS = [[412.87, 30_123.4, 25_456.7], [12_345.6, 9_871.2, 7_654.3], [3_210.9, 803.45, 4_123.6], [2_345.7, 5_678.9, 0.0]]
MADE_AT = datetime(2026, 11, 21, 12, tzinfo=UTC)


def cells():
    """Jobs of four unit groups in three nations, with every sum; two cells are too small."""
    full = pd.DataFrame(JOBS, index=list(GROUPS), columns=list(NATIONS))
    full.loc["211"] = full.sum()
    full[TOTAL["area_code"]] = full.sum(axis=1)
    rows = full.stack().rename("job_count").rename_axis(["occupation_code", "area_code"]).reset_index()
    rows = rows.assign(**{name: code for name, code in TOTAL.items() if name not in rows}, year=2020)
    return rows.assign(pay_bill_gbp=rows["job_count"] * 500.0, hours_bill=rows["job_count"] * 37.0,
                       respondent_count=50.0, synthetic="true")  # fmt: skip


@pytest.fixture(scope="module")
def gate():
    return decide(PAY, cells())


@pytest.fixture
def mart(gate, tmp_path):
    frames = {PAY.cells: cells(), PAY.decision: gate.decision}
    return run_model(load_models(MODELS)[MART], Lake(tmp_path), replace=frames)


@pytest.fixture
def withheld(gate, mart):
    """Withheld rows of the mart, with the reason that stays inside."""
    met = mart[mart["status"] == "withheld"].merge(gate.decision[[*KEY, "withheld_reason"]], on=KEY)
    assert {"reliability", "complementary"} <= set(met["withheld_reason"])
    return met


def test_shape_when_a_cell_is_withheld_for_itself_or_for_others_then_the_rows_are_the_same(withheld):
    rest = withheld.drop(columns=[*KEY, "withheld_reason"])
    assert len(rest.drop_duplicates()) == 1
    codes = [f"{row.occupation_code}{row.area_code}" for row in withheld.itertuples()]
    table = servable(MART, withheld.drop(columns="withheld_reason"))
    line = [table.slice(n, 1).to_pandas().drop(columns=KEY).to_csv(index=False).encode() for n in range(len(codes))]
    assert len(set(line)) == 1


def test_shape_then_no_served_table_has_a_column_that_could_say_why():
    inside = {"withheld_reason", "protect_down", "protect_up", "respondent_count", "audit_id", "least_count"}
    served = [entry for entry in catalog.tables().values() if entry.layer == "out"]
    assert served
    assert not [(entry.name, column) for entry in served for column in inside & set(entry.columns)]


def test_wording_when_a_cell_is_withheld_for_itself_or_for_others_then_only_its_codes_and_offers_differ(
    gate, mart, withheld, tmp_path
):
    offers = run_model(load_models(MODELS)[OFFERS], Lake(tmp_path), replace={PAY.offer: gate.offer})
    folder = ReleaseFolder.open(make_release(tmp_path / "releases", {MART: mart, OFFERS: offers}))
    told = {}
    for row in withheld.to_dict("records"):
        where = {column: str(row[column]) for column in ("occupation_code", "area_code")}
        told.setdefault(row["withheld_reason"], set()).add(without_codes(render(explain(folder, MART, where)), where))
    (text,) = set.union(*told.values())
    assert "complementary" not in text
    assert len(text) > 200


def without_codes(text, where):
    """The text without its names and codes and without the offers, as one line."""
    for column, code in where.items():
        nodes = catalog.hierarchy_nodes(PAY.dimensions[column]).set_index("code")["name"]
        for word in (nodes[code], code):
            text = text.replace(word, "CODE")
    told, offers = text.split("You could use instead")
    return " ".join(f"{told} {offers[offers.index('How sure is it') :]}".split())


def test_offers_then_codes_and_statuses_alone_and_every_offer_is_published(gate):
    entry = catalog.table(OFFERS)
    numbers = [c for c in entry.columns if catalog.column(c).type in ("float", "integer")]
    assert set(numbers) <= {"year", "rank"}
    shown = gate.decision[gate.decision["status"].isin(["ok", "small_sample"])]
    at = {f"alternative_{name}": name for name in PAY.dimensions}
    offered = gate.offer[list(at)].rename(columns=at)
    assert len(offered)
    assert len(offered.merge(shown[list(PAY.dimensions)])) == len(offered)


def digits(values):
    """Leading digits of numbers as they could be written: with and without a comma, and in Python's own way."""
    return {text[:7] for v in values for text in (f"{v:.6f}", f"{v:,.6f}", repr(float(v)))}


def test_errors_when_a_table_cannot_be_made_safe_or_does_not_add_up_then_no_value_is_in_them():
    flat = {"place": [("all", ["p0", "p1"])]}
    value = np.array([812.34567, 94_321.6543])
    lattice = toys.table(value, flat)
    primary = combine(lattice.value, [reliability_ladder(lattice.value, withhold_below=1000, flag_below=10_000)])
    with pytest.raises(DisclosureError) as unsafe:
        protect(lattice, primary, rng=toys.rng(), fixed=lattice.value > 1000)
    three = pd.DataFrame({"place": ["p0", "p1", "all"]})
    with pytest.raises(MethodError) as astray:
        build_lattice([Dimension.of("place", flat["place"])], three, [*value, 99_999.9])
    for error in (unsafe.value, astray.value):
        assert "p0" in str(error) or "all" in str(error)
        assert not [each for each in digits([*value, value.sum()]) if each in repr(error)]


def test_errors_when_a_withheld_row_holds_a_number_then_the_number_is_not_named(mart):
    leaking = mart.assign(mean_weekly_pay_gbp=mart["mean_weekly_pay_gbp"].fillna(813.4567))
    with pytest.raises(LmiError) as caught:
        servable(MART, leaking)
    assert "813.4" not in repr(caught.value)


def test_coefficients_when_one_person_is_an_occupation_then_theirs_is_their_pay_and_none_is_served():
    occupation = np.array([0] * 30 + [1] * 12 + [2])
    pay = toys.rng().lognormal(6.2, 0.4, len(occupation))
    design = np.eye(3)[occupation]
    effect = np.linalg.lstsq(design, np.log(pay), rcond=None)[0]
    assert np.isclose(np.exp(effect[2]), pay[-1], rtol=1e-9)
    assert (np.abs(np.exp(effect[1]) - pay[30:42]) > 1e-3).all()
    models = {"est_pay__equation", "est_pay__equation_fit", "est_pay__equation_residual", "est_pay__yearly_factor",
              "est_lfs__quarterly_response_factor", "est_pay__age_ratio"}  # fmt: skip
    assert models <= {*catalog.tables()}
    served = {name: model.refs for name, model in load_models(MODELS).items() if name.startswith("out_")}
    assert served
    assert not [(name, ref) for name, refs in served.items() for ref in refs if ref in models]


def test_coefficients_when_a_cell_rests_on_nine_records_then_withheld_and_on_ten_not():
    counts = contributor_counts([1, 2, 9, 10, 11], minimum=catalog.thresholds()["contributors"]["withhold_below"])
    assert combine([5e4] * 5, [counts]).withheld.tolist() == [True, True, True, False, False]
    assert {"contributors"} <= {*PAY.rules} & {*catalog.product("labour_force").rules}


def publish(lake, root, version):
    made = [(lake.read(name), catalog.table(name)) for name in lake.tables()]
    checks = [o.to_metadata() for rows, entry in made for o in (*check_schema(rows, entry), *run_rules(rows, entry))]
    inputs = pd.DataFrame({name: ["x"] for name in releases.INPUT_COLUMNS}).assign(
        source="rti", retrieved_at=MADE_AT, synthetic="true"
    )
    return releases.publish(
        lake,
        root,
        version=version,
        database_url=None,
        checks=checks,
        git_revision="abc",
        inputs=inputs,
        made_at=MADE_AT,
    )


def test_stale_when_a_figure_is_withheld_in_a_newer_release_then_nothing_of_that_release_has_it(tmp_path):
    name, lake = "out_population__quarterly_birth_group", Lake(tmp_path / "lake")
    lake.write(name, mart_rows(population_count=[None, 9.0e3, 537_000.0], yearly_change_count=[None, None, 61_000.0]))
    first = publish(lake, tmp_path / "releases", "2026.11.1")
    assert said(first, 537_000)
    assert said(first, 61_000)
    gone = mart_rows(population_count=[None, 9.0e3, None], yearly_change_count=None)
    lake.write(name, gone.assign(status=["withheld", "small_sample", "withheld"]))
    second = publish(lake, tmp_path / "releases", "2026.11.2")
    text = render(explain(ReleaseFolder.open(second), name, {"quarter": "2020-04"}))
    assert "61,000" not in text
    assert "537,000" not in text
    assert not said(second, 537_000)
    assert not said(second, 61_000)


def said(folder, number):
    """Files of a release that hold a number, as text or in their tables."""
    ways = [
        str(number).encode(),
        f"{number:,}".encode(),
        np.float64(number).tobytes(),
        np.float64(number).tobytes()[::-1],
    ]
    return [path.name for path in folder.iterdir() if path.is_file() and any(w in path.read_bytes() for w in ways)]


def test_many_routes_when_the_gate_decides_again_then_every_answer_is_the_same():
    """In another order of the rows, too; there is no noise to average out."""
    answers = [decide(PAY, cells().sample(frac=1, random_state=n)) for n in range(3)]
    for first, second in combinations(answers, 2):
        pd.testing.assert_frame_equal(first.decision, second.decision, check_exact=True)
        pd.testing.assert_frame_equal(first.offer, second.offer, check_exact=True)
