"""What stands around a number: the release before, broader numbers to use instead, whose data they are."""

import pandas as pd
import pytest

from lmi_pipeline.release.explain import explain
from lmi_pipeline.release.explain_ladder import alternatives_of, product_of
from lmi_pipeline.release.explain_row import ReleaseFolder
from lmi_pipeline.release.explain_text import render
from lmi_pipeline_tests.release.explain_folder import LONDON, MART, ULSTER, explained, flat, make_release, rows, section


def test_release_when_it_had_an_embargo_then_told(tmp_path):
    assert "In force from 2026-12-01 09:30 UTC" in flat(
        render(explained(tmp_path, embargo="2026-12-01T09:30:00+00:00"))
    )


def test_before_when_there_was_no_release_then_said(tmp_path):
    assert "There was no release before it." in render(explained(tmp_path))


def before(tmp_path, where, **changes):
    make_release(tmp_path, {MART: rows(**changes)}, version="2026.11.1")
    return flat(section(render(explained(tmp_path, where, previous="2026.11.1")), "Release"))


def test_before_when_the_value_was_another_then_told(tmp_path):
    text = before(tmp_path, LONDON, population_count=[1_150_000.0, 1.0, 2.0, None])
    assert "In release 2026.11.1: Population was 1,150,000 people." in text
    assert "a year earlier was" not in text


def test_before_when_the_same_then_said(tmp_path):
    assert "The same as in release 2026.11.1." in before(tmp_path, LONDON)


@pytest.mark.parametrize(
    ("where", "changes"),
    [
        (LONDON, {"status": ["withheld", "ok", "ok", "ok"], "population_count": [777_000.0, 1.0, 2.0, 3.0]}),
        (ULSTER, {"status": "ok", "population_count": 777_000.0}),
    ],
)
def test_before_when_withheld_in_either_release_then_no_number(tmp_path, where, changes):
    text = before(tmp_path, where, **changes)
    assert "there is nothing to compare with" in text
    assert "777" not in text


@pytest.mark.parametrize("changes", [{"area_code": "E12000001"}, {"quarter": "2019-01"}])
def test_before_when_it_had_no_such_row_then_said(tmp_path, changes):
    assert "it has no such number" in before(tmp_path, LONDON, **changes)


def test_before_when_its_folder_is_gone_then_said(tmp_path):
    assert "it has no such number, or is no longer here" in flat(render(explained(tmp_path, previous="2026.11.1")))


def test_attribution_when_synthetic_then_not_in_the_publishers_name(tmp_path):
    text = flat(section(render(explained(tmp_path, frame=rows(synthetic="true"))), "Source and licence"))
    assert "Synthetic data in the layouts of" in text
    assert "Contains public sector information" not in text


def test_attribution_when_real_then_cited_with_licence(tmp_path):
    text = flat(section(render(explained(tmp_path)), "Source and licence"))
    assert "Source: Office for National Statistics" in text
    assert "Open Government Licence v3.0" in text


LADDER = "out_population__quarterly_alternative"


def offers(**changes):
    """Alternatives of the withheld and the flagged row."""
    frame = pd.DataFrame(
        {
            "quarter": ["2020-04", "2020-04", "2020-04"], "area_code": "N92000002", "birth_group": "eu",
            "rank": [2, 1, 3], "alternative_area_code": ["K02000001", "N92000002", "E12000007"],
            "alternative_birth_group": ["eu", "total", "eu"], "alternative_status": "ok", "synthetic": "false",
        }
    )  # fmt: skip
    return frame.assign(**changes)


def with_ladder(tmp_path, frame, where=ULSTER):
    broader = rows(area_code="K02000001", area_name="United Kingdom", status="small_sample", population_count=4e6)
    folder = make_release(tmp_path, {MART: pd.concat([rows(), broader], ignore_index=True), LADDER: frame})
    return explain(ReleaseFolder.open(folder), MART, where)


def test_alternatives_when_withheld_then_nearest_first_with_their_figures(tmp_path):
    found = with_ladder(tmp_path, offers())
    assert [alternative.status for alternative in found.alternatives] == ["", "small_sample", "ok"]
    text = flat(section(render(found), "What this number is"))
    first, second, third = text.split("You could use instead")[1].split(" - ")[1:]
    assert first == "Country of birth: All countries of birth: in another table of this release"
    assert second.startswith("Area: United Kingdom: Population 4,000,000 people")
    assert second.endswith("(to be used with caution)")
    assert third.startswith("Area: London: Population 1,140,000 people")


def test_alternatives_when_one_is_withheld_then_said_so(tmp_path):
    found = with_ladder(tmp_path, offers(alternative_area_code="N92000002", alternative_birth_group="eu"))
    assert "withheld too" in render(found)


@pytest.mark.parametrize(
    "frame", [offers(area_code="W92000004"), offers().drop(columns="rank"), offers().filter(regex="^(?!alternative)")]
)
def test_alternatives_when_none_is_named_for_the_row_then_none(tmp_path, frame):
    found = with_ladder(tmp_path, frame)
    assert found.alternatives == ()
    assert "You could use instead" not in render(found)


def test_alternatives_when_the_number_may_be_used_then_none(tmp_path):
    assert with_ladder(tmp_path, offers(area_code="E12000007", quarter="2020-01"), LONDON).alternatives == ()


def test_alternatives_when_the_ladder_has_more_dimensions_then_the_row_is_their_total():
    row = {"quarter": "2020-04", "area_code": "N92000002", "status": "withheld"}
    frame = pd.DataFrame(
        {
            "year": 2020, "period_code": "2020-04", "area_code": "N92000002", "sex": ["female", "all", "all"],
            "rank": [1, 2, 1], "alternative_period_code": ["2020-04", "2020", "2020-04"],
            "alternative_area_code": ["N92000002", "N92000002", "K02000001"], "alternative_sex": "all",
        }
    )  # fmt: skip
    found = alternatives_of(row, frame)
    assert [(cell["quarter"], cell["area_code"]) for cell in found] == [
        ("2020-04", "K02000001"), ("2020, whole year", "N92000002"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "path", "expected"),
    [
        (MART, (), LADDER),
        ("out_lfs__quarterly_x", (), "out_lfs__yearly_alternative"),
        ("out_other__x", ("est_pay__yearly_lattice_decision",), "out_pay__yearly_alternative"),
    ],
)
def test_product_when_made_from_its_cells_or_of_its_subject_then_its_ladder(table, path, expected):
    assert product_of(table, path).alternatives == expected


def test_product_when_made_from_other_tables_then_no_ladder_of_its_subject():
    path = ("core_ashe__yearly_published", "est_pay__yearly_unit_group", "out_pay__yearly_unit_group")
    assert product_of("out_pay__yearly_unit_group", path) is None


def test_product_when_of_no_subject_then_none():
    assert product_of("out_vacancies__monthly_x", ("core_lfs__quarterly_person",)) is None
