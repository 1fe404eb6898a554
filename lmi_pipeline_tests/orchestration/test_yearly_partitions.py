"""Assets of a year beside those of a quarter: runs of one kind, years asked for, deliveries and the yearly schedule."""

from datetime import UTC, datetime
from types import SimpleNamespace

import dagster as dg
import pytest

from lmi_pipeline.console.run import Session
from lmi_pipeline.definitions import build
from lmi_pipeline.errors import LmiError
from lmi_pipeline.orchestration import landing
from lmi_pipeline.orchestration.landing import Delivery
from lmi_pipeline.orchestration.partitions import QUARTERS, YEARS
from lmi_pipeline.orchestration.runner import RANGE_END, RANGE_START, resolve_selection, stages
from lmi_pipeline.settings import load

BUILDING, READING = "Building tables", "Reading yearly surveys"
ESTIMATING, WEIGHTING = "Estimating pay", "Weighting and estimating"
HELD = ("2018-10", "2019-01", "2019-10", "2020-01", "2020-10")
FILES = (
    *(("lfs", "person", f"lfsp_{quarter}", quarter) for quarter in HELD),
    ("ashe", "job", "ashe_1997_2014_gb_v1", "/".join(map(str, range(1997, 2015)))),
    ("ashe", "job", "ashe_2019_2020_gb_v1", "2019/2020"),
    ("ashe", "table_14", "2021-provisional", None),
    ("ashe", "table_16", "2013-revised", None),
)


@pytest.fixture(scope="module")
def definitions(tmp_path_factory):
    return build(load({"LMI_DATA": str(tmp_path_factory.mktemp("nothing"))}))


@pytest.fixture(scope="module")
def graph(definitions):
    return definitions.resolve_asset_graph()


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """A session whose vault has survey quarters, job records and published tables."""
    data = tmp_path_factory.mktemp("vault")
    with pytest.MonkeyPatch.context() as patched:
        for name, value in {"LMI_DATA": data, "LMI_SOURCES": "landing", "DAGSTER_HOME": data / "dagster"}.items():
            patched.setenv(name, str(value))
        made = Session()
        for source, layout, release, period in FILES:
            path = data / f"{source}-{release}"
            path.write_text(release, encoding="utf-8")
            made.workspace.vault.add(
                path, source=source, layout=layout, release=release, period=period, origin="landing"
            )
        yield made
        made.instance.dispose()


def split(definitions, text=None):
    return {stage.title: stage for stage in stages(definitions, resolve_selection(definitions, text))}


def test_stages_when_everything_is_chosen_then_each_run_has_one_kind_of_partition(definitions, graph):
    found = split(definitions)
    assert [(title, stage.by, stage.newest_only) for title, stage in found.items()] == [
        (BUILDING, "quarter", False),
        (READING, "year", False),
        (ESTIMATING, "year", True),
        (WEIGHTING, "quarter", False),
    ]
    for stage in found.values():
        wanted = YEARS if stage.by == "year" else QUARTERS
        assert {graph.get(key).partitions_def for key in stage.keys} - {None} == {wanted}, stage.title
    names = {title: {key.to_user_string() for key in stage.keys} for title, stage in found.items()}
    assert names[READING] == {"raw_ashe__yearly_job", "core_ashe__yearly_job"}
    assert {"est_pay__equation", "est_pay__yearly_cell", "est_hours__yearly_cell"} <= names[ESTIMATING]


def test_stages_when_everything_is_chosen_then_each_asset_once_and_after_what_it_needs(definitions, graph):
    keys = resolve_selection(definitions, None)
    done: list[dg.AssetKey] = []
    for stage in stages(definitions, keys):
        for key in stage.keys:
            assert graph.get(key).parent_keys <= {*done, *stage.keys}, key
        done += stage.keys
    assert sorted(done) == sorted(keys)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("raw_ashe__published_cell or core_ashe__yearly_published", {BUILDING: None}),
        ("core_ashe__yearly_published or est_pay__yearly_unit_group", {BUILDING: None, ESTIMATING: "year"}),
        ("core_lfs__quarterly_person or core_ashe__yearly_job", {BUILDING: "quarter", READING: "year"}),
        ("core_rti__monthly_employees", {BUILDING: None}),
    ],
)
def test_stages_when_some_are_chosen_then_only_the_runs_they_need(definitions, text, kinds):
    assert {title: stage.by for title, stage in split(definitions, text).items()} == kinds


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        (None, None, ("2014", "2021")),
        ("2019", None, ("2019", "2021")),
        (None, "2020", ("2014", "2020")),
        ("2015", "2020", ("2019", "2020")),
        ("2019-10", "2020-01", ("2019", "2020")),
        ("2020", "2020", ("2020", "2020")),
        ("2020-04", None, ("2020", "2021")),
    ],
)
def test_years_when_asked_for_by_year_or_quarter_then_those_with_records_or_tables(session, first, last, found):
    assert session.years_for(first, last) == found


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        (None, None, ("2018-10", "2020-10")),
        ("2019", "2020", ("2019-01", "2020-10")),
        ("2019-10", None, ("2019-10", "2020-10")),
        ("2020", "2020-01", ("2020-01", "2020-01")),
    ],
)
def test_quarters_when_asked_for_by_year_or_quarter_then_all_of_the_year(session, first, last, found):
    assert session.range_for(first, last) == found


@pytest.mark.parametrize(("first", "last"), [("2022", None), ("2015", "2018"), ("2021", "2019"), (None, "2013")])
def test_years_when_there_is_no_file_of_them_then_the_error_says_which_there_are(session, first, last):
    with pytest.raises(LmiError, match=r"no ASHE file from .* in the vault; it has 2014 to 2021"):
        session.years_for(first, last)


def runs(session, monkeypatch, first, last, text=None):
    """First and last partition of each run of a build."""
    found = {}

    def execute(context, keys, partitions, title):
        found[title] = partitions
        return SimpleNamespace(success=True)

    monkeypatch.setattr(session, "execute", execute)
    session.build(None, resolve_selection(session.definitions, text), first, last)
    return found


def test_build_when_no_year_is_asked_for_then_surveys_of_all_years_and_estimates_of_the_newest(session, monkeypatch):
    found = runs(session, monkeypatch, None, None)
    assert found[BUILDING] == ("2018-10", "2020-10")
    assert found[READING] == ("2014", "2021")
    assert found[ESTIMATING] == ("2021", "2021")
    assert found[WEIGHTING] == ("2019-01", "2020-10")


def test_build_when_quarters_are_asked_for_then_estimates_of_the_newest_of_their_years(session, monkeypatch):
    found = runs(session, monkeypatch, "2019-10", "2020-10")
    assert (found[READING], found[ESTIMATING]) == (("2019", "2020"), ("2020", "2020"))


@pytest.mark.parametrize(("first", "last"), [("2019", "2020"), ("2019", "2020-10")])
def test_build_when_years_are_asked_for_then_estimates_of_each(session, monkeypatch, first, last):
    found = runs(session, monkeypatch, first, last)
    assert found[BUILDING] == ("2019-01", "2020-10")
    assert (found[READING], found[ESTIMATING]) == (("2019", "2020"), ("2019", "2020"))


def test_build_when_nothing_is_partitioned_then_no_period_is_needed(session, monkeypatch):
    assert runs(session, monkeypatch, "1999", None, "core_ashe__yearly_published") == {BUILDING: None}


def requested(graph, source, layout, period):
    """The run a delivery asks for, and the names of its assets by kind of partition."""
    request = landing._request(Delivery(source, layout, period, "0" * 64, "file"), graph)
    kinds = {key.to_user_string(): graph.get(key).partitions_def for key in request.asset_selection}
    return request, kinds


def test_delivery_when_a_file_of_one_year_then_its_partition_and_assets_of_years(graph):
    request, kinds = requested(graph, "ashe", "job", "2020")
    assert request.partition_key == "2020"
    assert RANGE_START not in request.tags
    assert {"raw_ashe__yearly_job", "core_ashe__yearly_job", "est_pay__yearly_cell"} <= set(kinds)
    assert set(kinds.values()) <= {None, YEARS}


def test_delivery_when_a_file_of_two_years_then_their_range(graph):
    request, kinds = requested(graph, "ashe", "job", "2019/2020")
    assert request.partition_key is None
    assert (request.tags[RANGE_START], request.tags[RANGE_END]) == ("2019", "2020")
    assert set(kinds.values()) <= {None, YEARS}


def test_delivery_when_years_begin_before_the_first_partition_then_those_from_it_on(graph):
    request, _ = requested(graph, "ashe", "job", "2012/2013/2014/2015")
    assert (request.tags[RANGE_START], request.tags[RANGE_END]) == ("2014", "2015")
    request, _ = requested(graph, "ashe", "job", "2013/2014")
    assert (request.partition_key, request.tags.get(RANGE_START)) == ("2014", None)


@pytest.mark.parametrize(("source", "layout", "period"), [("ashe", "job", "2012/2013"), ("lfs", "person", "2014-04")])
def test_delivery_when_all_periods_are_before_the_first_partition_then_no_run(graph, source, layout, period):
    assert landing._request(Delivery(source, layout, period, "0" * 64, "file"), graph) is None


def test_delivery_when_a_file_of_a_quarter_then_its_partition_and_no_asset_of_years(graph):
    request, kinds = requested(graph, "lfs", "person", "2020-01")
    assert request.partition_key == "2020-01"
    assert "core_lfs__quarterly_person" in kinds
    assert set(kinds.values()) <= {None, QUARTERS}


@pytest.mark.parametrize(
    ("source", "layout", "raw"),
    [("rti", "nationality", "raw_rti__published_cell"), ("ashe", "table_14", "raw_ashe__published_cell")],
)
def test_delivery_when_the_file_has_no_period_then_assets_without_partitions_only(graph, source, layout, raw):
    request, kinds = requested(graph, source, layout, None)
    assert (request.partition_key, request.tags.get(RANGE_START)) == (None, None)
    assert raw in kinds
    assert set(kinds.values()) == {None}


def test_yearly_schedule_when_it_ticks_then_the_year_of_the_tick(definitions):
    schedule = next(found for found in definitions.schedules if found.name == "yearly_pay_schedule")
    tick = datetime(2024, 11, 5, 9, 30, tzinfo=UTC)
    repository = definitions.get_repository_def()
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(instance=instance, scheduled_execution_time=tick, repository_def=repository)
        (request,) = schedule.evaluate_tick(context).run_requests
    assert request.partition_key == "2024"
    keys = definitions.resolve_job_def("yearly_pay").asset_layer.executable_asset_keys
    kinds = {definitions.resolve_asset_graph().get(key).partitions_def for key in keys}
    assert kinds == {None, YEARS}
    assert dg.AssetKey("est_pay__yearly_cell") in keys
