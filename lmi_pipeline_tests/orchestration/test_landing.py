"""Real workbooks dropped in the landing folder: growth as published, bad files refused, the sensor's manners."""

import json
import shutil
import zipfile
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.definitions import build
from lmi_pipeline.orchestration.landing import collect
from lmi_pipeline.orchestration.workspace import Workspace
from lmi_pipeline.storage import vault as vaults

WORKBOOK = "nuts1bynationalitynsaandsamar2023.xlsx"
POINTS = 0.001
"""Percentage points: the published table has three decimals."""


def drop(pipeline, path: Path, name: str | None = None) -> Path:
    folder = pipeline.data / "landing" / "rti"
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(path, folder / (name or path.name)))


def build_growth(pipeline):
    return pipeline.run("run", "--select", "vault_rti__file or raw_rti__published_cell or core_rti__monthly_employees"
                        " or est_rti__quarterly_growth", "--json")  # fmt: skip


def test_growth_when_real_workbook_dropped_then_equals_the_published_table(empty, real_data):
    drop(empty, real_data / "rti" / WORKBOOK)
    result = build_growth(empty)
    assert result.exit_code == 0, result.output
    growth = empty.lake.read(
        "est_rti__quarterly_growth",
        where={"area_code": catalog.UNITED_KINGDOM, "month_lag": 0, "is_seasonally_adjusted": False},
    )
    assert set(growth["synthetic"]) == {"false"}
    found = growth.pivot(index="quarter", columns="nationality_group", values="growth_rate") * 100
    reference = Path(__file__).parents[1] / "methods" / "reference" / "rti_quarterly_growth.csv"
    table = pd.read_csv(reference, comment="#")
    compared = 0
    for row in table.dropna().to_dict("records"):
        quarter = row["quarter"]
        for group in ("uk", "eu", "non_eu"):
            published = row[f"growth_{group}"]
            assert abs(found.loc[quarter, group] - published) <= POINTS, (quarter, group)
            compared += 1
    assert compared == 30 * 3
    employees = empty.lake.read("core_rti__monthly_employees", where={"nationality_group": "total"})
    keys = ["month", "is_seasonally_adjusted"]
    regions = employees[employees["area_code"].isin(catalog.codes("region"))].groupby(keys)["employee_count"].sum()
    nation = employees[employees["area_code"] == catalog.UNITED_KINGDOM].set_index(keys)["employee_count"]
    assert (regions - nation).abs().max() == 0


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def replace_inside(path: Path, member: str, old: bytes, new: bytes) -> None:
    """Change the text of one part of a workbook, everything else as it was."""
    with zipfile.ZipFile(path) as workbook:
        parts = {name: workbook.read(name) for name in workbook.namelist()}
    assert old in parts[member]
    parts[member] = parts[member].replace(old, new)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as workbook:
        for name, content in parts.items():
            workbook.writestr(name, content)


def rename_sheet(path: Path) -> None:
    replace_inside(path, "xl/workbook.xml", b"(2) NUTS1 by Nat - SA", b"(2) Regions by Nat")


def move_header(path: Path) -> None:
    replace_inside(path, "xl/sharedStrings.xml", b">Date<", b">Month<")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (truncate, ["download it again"]),
        (rename_sheet, ["sheet", "(2) Regions by Nat"]),
        (move_header, ["sheet", "Date"]),
    ],
)
def test_bad_file_when_dropped_beside_a_good_one_then_named_error_and_nothing_changes(empty, real_data, spoil, says):
    drop(empty, real_data / "rti" / WORKBOOK)
    assert build_growth(empty).exit_code == 0
    versions = {name: empty.lake.version(name) for name in empty.lake.tables()}
    bad = drop(empty, real_data / "rti" / WORKBOOK, "nuts1bynationalitynsaandsaapr2023.xlsx")
    spoil(bad)
    result = build_growth(empty)
    assert result.exit_code == 1
    (error,) = json.loads(result.stdout)["errors"]
    assert "SourceError" in error
    for text in (bad.name, *says):
        assert text in error
    tables = {name: empty.lake.version(name) for name in empty.lake.tables() if not name.startswith("vault_")}
    assert tables == {name: versions[name] for name in tables}
    empty_rows = empty.lake.read("core_rti__monthly_employees")
    assert set(empty_rows["release"]) == {"2023-03"}


def test_run_when_landing_is_empty_then_error_says_where_to_put_files(empty):
    result = build_growth(empty)
    assert result.exit_code == 1
    assert "landing/rti" in json.loads(result.stdout)["errors"][0]


@pytest.fixture
def workspace(empty):
    return Workspace.open(empty.settings())


def test_sensor_when_file_settles_then_vault_row_and_one_delivery(empty, workspace, real_data):
    drop(empty, real_data / "rti" / WORKBOOK)
    first, seen, remarks = collect(workspace, {})
    assert first == []
    assert "waits" in remarks[0]
    second, seen, _ = collect(workspace, seen)
    assert [(d.source, d.layout, d.file_name) for d in second] == [("rti", "nationality", WORKBOOK)]
    assert len(workspace.vault.ledger("rti")) == 1
    third, _, _ = collect(workspace, seen)
    assert third == []


def test_sensor_when_duplicate_under_another_name_then_nothing(empty, workspace, real_data):
    drop(empty, real_data / "rti" / WORKBOOK)
    _, seen, _ = collect(workspace, {})
    _, seen, _ = collect(workspace, seen)
    drop(empty, real_data / "rti" / WORKBOOK, WORKBOOK.replace(".xlsx", "1.xlsx"))
    _, seen, _ = collect(workspace, seen)
    deliveries, _, _ = collect(workspace, seen)
    assert deliveries == []
    assert len(workspace.vault.ledger("rti")) == 1


def test_sensor_when_one_file_is_refused_then_the_others_are_taken_in(empty, workspace, real_data):
    drop(empty, real_data / "rti" / WORKBOOK)
    (empty.data / "landing" / "rti" / "another.xlsx").write_bytes(b"no workbook")
    _, seen, _ = collect(workspace, {})
    deliveries, _, remarks = collect(workspace, seen)
    assert [d.file_name for d in deliveries] == [WORKBOOK]
    assert [remark.split(":")[0] for remark in remarks] == ["rti/another.xlsx is refused"]


def test_sensor_when_a_file_changes_while_it_is_copied_then_all_wait_for_the_next_look(
    empty, workspace, real_data, monkeypatch
):
    drop(empty, real_data / "rti" / WORKBOOK)
    _, seen, _ = collect(workspace, {})
    with monkeypatch.context() as patched:
        patched.setattr(vaults.shutil, "copyfile", lambda source, target: Path(target).write_bytes(b"x"))
        deliveries, seen, remarks = collect(workspace, seen)
    assert deliveries == []
    assert "wait for the next look" in remarks[0]
    assert WORKBOOK in remarks[0]
    deliveries, _, _ = collect(workspace, seen)
    assert [d.file_name for d in deliveries] == [WORKBOOK]


def test_sensor_when_file_is_half_copied_then_it_waits_until_it_is_whole(empty, workspace, real_data):
    whole = (real_data / "rti" / WORKBOOK).read_bytes()
    path = drop(empty, real_data / "rti" / WORKBOOK)
    seen: dict[str, list[int]] = {}
    for part in (1000, 50_000, len(whole) // 2):
        path.write_bytes(whole[:part])
        deliveries, seen, remarks = collect(workspace, seen)
        assert deliveries == []
        assert "waits" in remarks[0]
    stalled, seen, remarks = collect(workspace, seen)
    assert stalled == []
    assert "refused" in remarks[0]
    assert workspace.vault.ledger("rti").empty
    path.write_bytes(whole)
    _, seen, _ = collect(workspace, seen)
    deliveries, _, _ = collect(workspace, seen)
    assert len(deliveries) == 1


def test_sensor_when_evaluated_by_dagster_then_requests_the_run_that_needs_it(empty, real_data):
    drop(empty, real_data / "rti" / WORKBOOK)
    definitions = build(empty.settings())
    (sensor,) = definitions.sensors
    instance = dg.DagsterInstance.ephemeral()
    repository = definitions.get_repository_def()
    cursor = None
    for _ in range(2):
        context = dg.build_sensor_context(
            instance=instance, cursor=cursor, repository_def=repository, resources=definitions.resources
        )
        outcome = sensor.evaluate_tick(context)
        cursor = outcome.cursor
    (request,) = outcome.run_requests
    names = {key.to_user_string() for key in request.asset_selection}
    assert {"raw_rti__published_cell", "core_rti__monthly_employees", "est_rti__quarterly_growth"} <= names
    assert "raw_lfs__quarterly_person" not in names
    assert request.run_key.startswith("rti-")
