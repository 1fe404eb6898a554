"""A small release on disk for tests of explanations: two tables, two files, a path between them."""

import hashlib
import json

import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.release.explain import explain
from lmi_pipeline.release.explain_row import ReleaseFolder
from lmi_pipeline.release.servable import write_files
from lmi_pipeline.storage.frames import to_arrow

MART = "out_population__quarterly_birth_group"
LINEAGE = {
    MART: ["est_population__quarterly_control", "est_population__quarterly_lattice_decision"],
    "est_population__quarterly_lattice_decision": ["est_population__quarterly_control"],
    "est_population__quarterly_control": ["est_rti__quarterly_growth", "est_population__quarterly_stock"],
    "est_rti__quarterly_growth": ["core_rti__monthly_employees"],
    "est_population__quarterly_stock": ["core_lfs__quarterly_person"],
    "core_rti__monthly_employees": ["raw_rti__published_cell"],
    "core_lfs__quarterly_person": ["raw_lfs__quarterly_person"],
}


def rows(**changes):
    """Rows of one vintage, two quarters, two areas; the last is withheld and the third flagged."""
    frame = pd.DataFrame(
        {
            "weight_vintage": "pwt22", "quarter": ["2020-01", "2020-04", "2020-01", "2020-04"],
            "area_code": ["E12000007", "E12000007", "N92000002", "N92000002"],
            "area_name": ["London", "London", "Northern Ireland", "Northern Ireland"], "birth_group": "eu",
            "population_count": [1_161_000.0, 1_140_000.0, 9_000.0, None],
            "yearly_change_count": [12_000.0, -21_000.0, None, None], "rti_release": "2022-06",
            "status": ["ok", "ok", "small_sample", "withheld"], "is_modelled": True, "synthetic": "false",
        }
    )  # fmt: skip
    return frame.assign(**changes)


def file_entry(source, layout, release, period=None, **changes):
    """One input of a manifest."""
    entry = {
        "source": source, "layout": layout, "release": release, "period": period,
        "file_name": f"{layout}_{release}_{period}.xlsx", "licence": "Open Government Licence v3.0",
        "sha256": hashlib.sha256(f"{source}{layout}{release}{period}".encode()).hexdigest(), "synthetic": "false",
    }  # fmt: skip
    return {**entry, **changes}


INPUTS = [
    file_entry("rti", "nationality", "2022-06"),
    file_entry("rti", "nationality", "2023-03"),
    file_entry("rti", "payroll", "2022-10"),
    file_entry("lfs", "person", "a", "2020-01"),
    file_entry("lfs", "person", "b", "2019-10"),
    file_entry("lfs", "a01", "2021-07-15"),
    file_entry("ashe", "table_14", "2020-provisional"),
]


def check(table, name, *, passed=True, severity="block", description="the table has rows"):
    """One check of a manifest."""
    return {"table": table, "name": name, "severity": severity, "passed": passed, "failing_count": 0 if passed else 3,
            "total_count": 9, "description": description, "next_step": ""}  # fmt: skip


CHECKS = [
    check(MART, "not_empty"),
    check(MART, "withheld_has_no_number", description="SQL test; it must select no row"),
    check("est_population__quarterly_control", "groups_sum_to_total", description="groups sum to the total"),
    check("core_ashe__yearly_published", "not_empty"),
]


def make_release(root, tables, version="2026.11.2", **facts):
    """Write a release of some frames; keywords replace facts of its manifest."""
    folder = root / version
    folder.mkdir(parents=True)
    entries = catalog.tables()
    known = {n: frame for n, frame in tables.items() if n in entries and {*frame.columns} == {*entries[n].columns}}
    write_files({name: to_arrow(frame, catalog.table(name)) for name, frame in known.items()}, folder)
    for name in tables.keys() - known.keys():
        tables[name].to_parquet(folder / f"{name}.parquet")
    paths = [path for path in folder.iterdir() if path.is_file()]
    manifest = {
        "release": version, "made_at": "2026-11-21T12:00:00+00:00", "git_revision": "abc123", "previous": None,
        "synthetic": "false", "lineage": LINEAGE, "inputs": INPUTS, "checks": CHECKS,
        "tables": {name: {"rows": len(frame)} for name, frame in tables.items()},
        "files": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths},
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps({**manifest, **facts}), encoding="utf-8")
    return folder


LONDON = {"quarter": "2020-01", "area_code": "E12000007"}
ULSTER = {"quarter": "2020-04", "area_code": "N92000002"}


def explained(tmp_path, where=None, frame=None, **facts):
    """Explanation of a row of a new release; keywords replace facts of its manifest."""
    folder = make_release(tmp_path, {MART: rows() if frame is None else frame}, **facts)
    return explain(ReleaseFolder.open(folder), MART, where or LONDON)


def flat(text):
    """Text without its line breaks."""
    return " ".join(text.split())


def section(text, heading):
    """Lines under one heading, up to the next."""
    text = f"\n{text}"
    start = text.index(f"\n{heading}\n")
    end = text.find("\n\n", start)
    while end != -1 and not text[end + 2 :].split("\n", 2)[1:2][0].startswith("---"):
        end = text.find("\n\n", end + 2)
    return text[start:] if end == -1 else text[start:end]
