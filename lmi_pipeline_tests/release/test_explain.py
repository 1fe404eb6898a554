"""A published number explained: what it is, how made, from what, and checked how."""

import json
from dataclasses import asdict

import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.catalog.models import Table
from lmi_pipeline.errors import DisclosureError
from lmi_pipeline.release.explain import explain
from lmi_pipeline.release.explain_row import ReleaseFolder
from lmi_pipeline.release.explain_text import render
from lmi_pipeline_tests.release.explain_folder import (
    CHECKS,
    LINEAGE,
    LONDON,
    MART,
    ULSTER,
    check,
    explained,
    file_entry,
    flat,
    make_release,
    rows,
    section,
)

PAY = "out_pay__yearly_made_for_tests"


def test_number_when_published_then_named_in_words_with_unit_and_status(tmp_path):
    text = flat(render(explained(tmp_path)))
    for told in (
        "Population by country of birth and weight vintage",
        "January to March 2020 (2020-01)",
        "London (E12000007)",
        "Born in the EU (eu)",
        "Population 1,161,000 people",
        "The number may be used.",
        "It is modelled",
        "no margin of error",
    ):
        assert told in text
    assert "SYNTHETIC" not in text


@pytest.mark.parametrize(("synthetic", "banner"), [("true", "SYNTHETIC DATA."), ("mixed", "PARTLY SYNTHETIC DATA.")])
def test_number_when_synthetic_then_the_banner_comes_first(tmp_path, synthetic, banner):
    text = render(explained(tmp_path, frame=rows(synthetic=synthetic)))
    assert text.split("\n")[0].strip("!") == ""
    assert text.split("\n")[1].startswith(banner)


def test_number_when_observed_then_said_plainly(tmp_path):
    assert "It is observed" in render(explained(tmp_path, frame=rows(is_modelled=False)))


def test_number_when_small_then_caution(tmp_path):
    text = flat(render(explained(tmp_path, {"quarter": "2020-01", "area": "Northern Ireland"})))
    assert "9,000 people" in text
    assert "with caution" in text


def test_number_when_withheld_then_explained_without_a_reason(tmp_path):
    text = flat(render(explained(tmp_path, ULSTER)))
    assert "Population withheld" in text
    assert "never says which" in text
    assert "There is no number to be sure of" in text
    assert not [word for word in ("primary", "complementary", "secondary") if word in text.lower()]


def test_steps_when_lineage_is_known_then_from_source_to_mart(tmp_path):
    found = explained(tmp_path)
    names = [step.table for step in found.steps]
    assert sorted(names) == sorted(LINEAGE.keys() | {up for ups in LINEAGE.values() for up in ups})
    for table, ups in LINEAGE.items():
        assert all(names.index(up) < names.index(table) for up in ups)
    assert [step.layer for step in found.steps] == sorted(
        (step.layer for step in found.steps), key=["raw", "core", "est", "out"].index
    )
    assert all(step.method for step in found.steps if step.layer != "raw")
    assert "equation 11" in section(render(found), "How it was made")


@pytest.mark.parametrize("lineage", [{}, {MART: ["est_gone__x"]}, {MART: ["core_a__b"], "core_a__b": [MART]}])
def test_steps_when_lineage_is_absent_or_odd_then_the_table_itself(tmp_path, lineage):
    found = explained(tmp_path, lineage=lineage)
    assert [step.table for step in found.steps] == [MART]
    assert found.lineage_known is bool(lineage)
    assert {source.source for source in found.sources} == {"rti", "lfs", "ashe"}


def test_steps_when_a_ledger_of_files_is_named_then_it_is_no_step(tmp_path):
    assert [s.table for s in explained(tmp_path, lineage={MART: ["vault_ledger__file"]}).steps] == [MART]


def test_steps_when_they_go_in_a_circle_then_each_once(tmp_path):
    control = "est_population__quarterly_control"
    found = explained(tmp_path, lineage={MART: [control], control: [MART]})
    assert [step.table for step in found.steps] == [control, MART]


def test_weights_when_the_row_has_a_vintage_then_its_making_in_words(tmp_path):
    text = flat(section(render(explained(tmp_path, frame=rows(weight_vintage="pwt20"))), "How it was made"))
    for told in (
        "issued these weights on 15 July 2021",
        "country of birth (UK, EU, elsewhere)",
        "released in March 2021; those named were not at hand or do not reach this period, so those of June 2022",
        "run one month behind",
        "Half of the change in payroll growth since October to December 2019",
        "the coefficient is 0.5",
    ):
        assert told in text


@pytest.mark.parametrize(
    ("vintage", "told"),
    [
        (
            "pwt22",
            "released in June 2022, and were. They are not seasonally adjusted. - The payroll months are those of",
        ),
        ("pwt22", "this is a reconstruction"),
        ("pwt20_corrected", "never issued these weights"),
        ("pwt23", "keep the official weights of that quarter"),
    ],
)
def test_weights_when_of_another_vintage_then_other_words(tmp_path, vintage, told):
    assert told in flat(render(explained(tmp_path, frame=rows(weight_vintage=vintage))))


def test_weights_when_before_country_of_birth_then_nothing_of_payrolls(tmp_path):
    text = render(explained(tmp_path, frame=rows(weight_vintage="pwt18", rti_release=None)))
    assert "(pwt18)" in text
    assert "payroll months" not in text.lower()


def test_files_when_the_row_has_a_period_then_those_of_others_are_set_apart(tmp_path):
    sources = {source.source: source for source in explained(tmp_path).sources}
    assert sorted(sources) == ["lfs", "rti"]
    assert [(file.release, file.period) for file in sources["lfs"].files] == [("a", "2020-01")]
    assert [file.release for file in sources["lfs"].other_periods] == ["b"]
    assert [file.release for file in sources["rti"].files] == ["2022-06"]
    assert [file.release for file in sources["rti"].other_periods] == ["2023-03"]


def test_files_when_none_is_of_the_period_then_all_of_the_source(tmp_path):
    found = explained(tmp_path, {"quarter": "2020-04", "region": "London"}, frame=rows(rti_release=None))
    sources = {source.source: source for source in found.sources}
    assert len(sources["lfs"].files) == 2
    assert len(sources["rti"].files) == 2
    assert sources["rti"].other_periods == ()


def test_files_when_there_are_many_then_the_text_counts_and_the_data_have_all(tmp_path):
    inputs = [file_entry("rti", "nationality", "2022-06", file_name=f"part{n}.xlsx") for n in range(40)]
    found = explained(tmp_path, inputs=inputs)
    text = flat(section(render(found), "From which files"))
    assert "40 files:" in text
    assert "and 35 more files" in text
    assert len(found.sources[0].files) == 40
    assert inputs[0]["sha256"][:12] in text
    assert inputs[0]["sha256"] not in text


def test_files_when_retrieval_is_recorded_then_told(tmp_path):
    inputs = [file_entry("rti", "nationality", "2022-06", retrieved_at="2026-11-20T09:30:00+00:00", synthetic="true")]
    text = flat(render(explained(tmp_path, inputs=inputs)))
    assert "retrieved 2026-11-20" in text
    assert "1 file (synthetic)" in text


def test_checks_when_made_of_tables_on_the_path_then_counted_and_named(tmp_path):
    found = explained(tmp_path)
    assert (len(found.checks.all), found.checks.passed) == (3, 3)
    text = flat(section(render(found), "Which checks it passed"))
    assert "3 checks were made" in text
    assert "all passed. All of them are blocking" in text
    assert "withheld has no number [withheld_has_no_number]" in text
    assert "groups sum to the total [groups_sum_to_total]" in text
    assert "the table has rows" not in text


def test_checks_when_one_warns_then_it_is_told(tmp_path):
    drift = check(MART, "drift", passed=False, severity="warn", description="rows are as many as before")
    text = flat(render(explained(tmp_path, checks=[*CHECKS, drift])))
    assert "3 passed. 3 of them are blocking" in text
    assert f"WARNING, not passed: rows are as many as before [{MART}: drift]" in text


def test_rules_when_in_the_manifest_then_version_audit_and_limits_with_source(tmp_path):
    audits = [
        {"audit_id": "a1b2c3", "tables": [MART], "slice": {"quarter": "2020-01"}, "primary": 7, "complementary": 9},
        {"audit_id": "d4e5f6", "tables": [MART], "slice": {"quarter": "2020-04"}},
        {"audit_id": "unread", "tables": ["out_pay__yearly_x"], "slice": {"quarter": "2020-01"}},
    ]
    found = explained(tmp_path, rules={"version": "2026-11"}, audits=audits)
    text = flat(section(render(found), "Disclosure control"))
    assert "Version of the rules 2026-11" in text
    assert text.endswith("Audit passed a1b2c3")
    assert "below 1,000 are withheld" in text
    assert "Sofroniou" in text
    assert "nearest 1,000" in text
    assert "fewer than 10" not in text
    assert not [word for word in ("primary", "complementary") if word in text]
    assert "complementary" not in json.dumps(asdict(found))


def test_rules_when_audits_are_of_no_period_then_all_counted(tmp_path):
    audits = [{"audit_id": f"n{n}", "table": "est_population__quarterly_control"} for n in range(5)]
    assert "Audit passed n0, n1, n2 and 2 more" in flat(render(explained(tmp_path, audits=audits)))


def test_rules_when_there_is_no_audit_then_said(tmp_path):
    assert "names no audit" in render(explained(tmp_path))


@pytest.mark.parametrize("nested", [True, False])
def test_rules_when_their_thresholds_are_in_the_release_then_those(tmp_path, nested):
    limits = {"reliability": {"withhold_below": 2000, "flag_below": 20_000, "source": "a vote.", "source_date": None}}
    text = flat(render(explained(tmp_path, rules={"thresholds": limits} if nested else limits)))
    assert "below 2,000 are withheld; those from 2,000 up to 20,000" in text
    assert "(Source: a vote.)" in text
    assert "fewer than 10" not in text


def test_rules_when_the_release_names_those_of_the_table_then_no_others(tmp_path):
    precision = catalog.thresholds()["precision"]
    rules = {"version": "v", "tables": {MART: {"precision": precision}, PAY: {"rounding": {}}}}
    text = flat(section(render(explained(tmp_path, rules=rules)), "Disclosure control"))
    assert "up to 20 acceptable" in text
    assert not [word for word in ("below 1,000", "fewer than 10", "nearest 1,000") if word in text]


@pytest.fixture
def pay(tmp_path, monkeypatch):
    """Explain a row of a mart of pay with intervals; keywords replace columns."""
    frame = pd.DataFrame(
        {
            "year": [2020, 2020], "soc_edition": "2010", "occupation_code": ["1115", "1116"], "pay_basis": "weekly",
            "pay_estimate": [1674.65, 743.28], "interval_low": [1585.36, 664.19], "interval_high": [1768.96, 831.79],
            "cv_percent": [4.4, 22.0], "quality_band": ["cv_0_5", "suppressed"], "pay_mode": "open",
            "is_published": True, "status": "ok", "synthetic": "false",
        }
    )  # fmt: skip
    key = ("year", "soc_edition", "occupation_code", "pay_basis")
    entry = Table(
        name=PAY, title="Pay", description="Pay of occupations.", subject="marts", grain="year x occupation", key=key,
        columns=tuple(frame), sources=("ashe",), nullable=tuple(frame), warnings=("Employees only.",),
    )  # fmt: skip
    known = {**catalog.tables(), PAY: entry}
    monkeypatch.setattr(catalog, "tables", lambda: known)

    def explained_pay(code="1115", **changes):
        folder = make_release(tmp_path, {PAY: frame.assign(**changes)}, lineage={PAY: []}, checks=[])
        return explain(ReleaseFolder.open(folder), PAY, {"occupation": code})

    return explained_pay


def test_sureness_when_there_is_an_interval_then_in_words_with_its_share(pay):
    text = flat(section(render(pay()), "How sure is it"))
    assert "It is likely to lie between £1,585.36 per week and £1,768.96 per week" in text
    assert "about 80 times in 100" in text
    assert "coefficient of variation is 4.4 per cent" in text
    assert "that is precise." in text
    assert "5 per cent or less: precise" in text


def test_sureness_when_the_coefficient_is_large_then_not_reliable(pay):
    assert "that is not reliable." in render(pay("1116"))


def test_sureness_when_withheld_then_nothing_is_said_of_it(pay):
    text = flat(
        render(
            pay("1116", status="withheld", pay_estimate=None, interval_low=None, interval_high=None, cv_percent=None)
        )
    )
    assert "Estimated mean withheld" in text
    assert "coefficient of variation is" not in text
    assert "Above 20 per cent" not in text


def test_pay_when_explained_then_name_unit_warning_and_limits_of_pay(pay):
    found = pay()
    text = flat(render(found))
    assert "Chief executives and senior officials (1115)" in text
    assert "Estimated mean £1,674.65 per week" in text
    assert "From published tables alone (open)" in text
    assert "Whether the publisher gives a mean for this cell yes" in text
    assert "Note: Employees only." in text
    assert "does not list its checks" in text
    assert "fewer than 10 people or jobs" in text
    assert "nearest 1,000" not in text
    assert [source.source for source in found.sources] == ["ashe"]
    assert found.modelled is None


def test_conditions_shown_when_used_again_then_they_mean_the_same_row(tmp_path):
    found = explained(tmp_path)
    again = {fact.column: fact.value for fact in found.key}
    assert explain(ReleaseFolder.open(tmp_path / "2026.11.2"), MART, again) == found


def test_explanation_when_for_a_machine_then_json(tmp_path):
    payload = json.loads(json.dumps(asdict(explained(tmp_path))))
    assert payload["figures"][0]["value"] == 1_161_000.0
    assert payload["sources"][0]["files"][0]["sha256"]


def test_explanation_when_the_table_is_not_published_then_refused(tmp_path):
    folder = ReleaseFolder.open(make_release(tmp_path, {MART: rows()}))
    with pytest.raises(DisclosureError, match="never published"):
        explain(folder, "est_population__quarterly_control", LONDON)
