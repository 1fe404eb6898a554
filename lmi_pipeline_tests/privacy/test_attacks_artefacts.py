"""Attacks on what a run leaves behind, and on the same figure by several routes, on the synthetic United Kingdom.

Event log, run storage, reports and every file of the releases are searched for withheld figures; the lake before the
gate is not published and is left out.
"""

import re
import sqlite3
import struct

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline_tests.privacy import crawl, toys

pytestmark = pytest.mark.xdist_group("built")

LEFT_BEHIND = ("dagster", "releases", "reports")
NUMBER = re.compile(rb"(?<!\d)\d[\d,_]{1,14}\.\d{3,}")
DRAWN = 400
BLOCK = 1 << 24


@pytest.fixture(scope="module")
def release(built):
    return crawl.folder_in_force(built.data / "releases")


@pytest.fixture(scope="module")
def secrets(built):
    """Withheld figures of every product, long enough not to be there by chance."""
    found = []
    for product in catalog.products().values():
        key = [*catalog.table(product.cells).slice_by, *product.dimensions]
        cells, decision = built.lake.read(product.cells), built.lake.read(product.decision)
        hidden = cells.merge(decision.loc[decision["status"] == "withheld", key], on=key)
        for column in (product.value, *product.also, *({"person_count"} & {*cells})):
            value = hidden[column].drop_duplicates().to_numpy(float)
            value = value[(value > 100) & (np.abs(value * 100 - np.round(value * 100)) > 1e-4)]
            found.append(toys.rng().permutation(value)[:DRAWN])
    return np.concatenate(found)


def start(text: bytes) -> bytes:
    """The first eight digits and the point, however it is written."""
    return re.sub(rb"[^\d.]", b"", text)[:9]


def files(data):
    return [path for name in LEFT_BEHIND for path in sorted((data / name).rglob("*")) if path.is_file()]


def texts(path):
    """A file piece by piece, each with a little of the one before."""
    with path.open("rb") as file:
        tail = b""
        while piece := file.read(BLOCK):
            yield tail + piece
            tail = piece[-64:]


def test_search_when_a_withheld_figure_is_written_then_it_would_be_found(secrets, tmp_path):
    for place, value in enumerate(secrets[:: max(1, len(secrets) // 20)]):
        way = (repr(float(value)), f"{value:,.7f}", f"jobs={value:.8f};")[place % 3]
        (tmp_path / "log").write_text(f"before {way} after")
        assert found_in(tmp_path / "log", secrets)
    (tmp_path / "binary").write_bytes(b"\0" + struct.pack(">d", secrets[0]) + b"\1")
    assert found_in(tmp_path / "binary", secrets)


def found_in(path, secrets):
    """Whether a file has one of the figures, as digits or as eight bytes of a database or a column file."""
    wanted = {start(f"{value:.8f}".encode()) for value in secrets}
    packed = [struct.pack(way, value) for value in secrets[:: max(1, len(secrets) // 50)] for way in (">d", "<d")]
    return any(
        not wanted.isdisjoint(start(number) for number in NUMBER.findall(text)) or any(each in text for each in packed)
        for text in texts(path)
    )


def test_search_when_all_that_a_run_leaves_is_read_then_no_withheld_figure_is_in_it(built, secrets):
    assert len(secrets) > 100
    looked_at = files(built.data)
    assert {path.relative_to(built.data).parts[0] for path in looked_at} >= {"dagster", "releases"}
    assert not [str(path.relative_to(built.data)) for path in looked_at if found_in(path, secrets)]


def test_routes_when_one_figure_stands_in_several_rows_then_they_agree(release):
    """A level by age range and by age band, a year's total in two marts, an offer and what it offers."""
    marts = crawl.marts_of(release)
    product = catalog.product("labour_force")
    for vintage in marts["out_lfs__quarterly_indicator"]["weight_vintage"].unique():
        for year in sorted(marts["out_lfs__yearly_employment"]["year"].unique()):
            rows = crawl.headline(marts, year, vintage)
            number = rows["estimate_value"].fillna(-1).groupby([rows[c] for c in product.dimensions])
            assert (number.nunique() == 1).all()
    hours, pay = marts["out_hours__yearly_cell"], marts["out_pay__yearly_cell"]
    key = ["year", *catalog.product("pay").dimensions]
    pd.testing.assert_frame_equal(hours[[*key, "status"]], pay[[*key, "status"]])
    offers = marts["out_pay__yearly_alternative"]
    at = {f"alternative_{name}": name for name in catalog.product("pay").dimensions}
    met = offers[["year", *at, "alternative_status"]].rename(columns=at).merge(pay, on=key, how="left")
    assert (met["alternative_status"] == met["status"]).all()
    asked = offers[key].drop_duplicates().merge(pay[[*key, "status"]], on=key, how="left")
    assert asked["status"].isin(["withheld", "small_sample"]).all()


def test_routes_when_a_table_is_read_from_any_of_its_files_then_the_same_is_blank(release):
    with sqlite3.connect(f"file:{release / 'release.sqlite'}?mode=ro", uri=True) as database:
        for name, frame in crawl.marts_of(release).items():
            entry = catalog.table(name)
            numbers = [c for c in frame if c not in entry.key and catalog.column(c).type in ("float", "integer")]
            if "status" not in frame:
                continue
            hidden = frame["status"] == "withheld"
            assert frame.loc[hidden, numbers].isna().all(axis=None), name
            columns = ", ".join(f'count("{c}")' for c in numbers)
            told = database.execute(f'SELECT {columns} FROM "{name}"').fetchone()
            assert list(told) == frame[numbers].notna().sum().tolist(), name
            text = pd.read_csv(release / f"{name}.csv", usecols=[*numbers, "status"])
            assert text[text["status"] == "withheld"][numbers].isna().all(axis=None), name
            assert text[numbers].notna().sum().tolist() == list(told), name


@pytest.mark.parametrize(
    "name",
    ["out_lfs__yearly_employment", "out_lfs__yearly_unemployment", "out_pay__yearly_cell", "out_hours__yearly_cell"],
)
def test_shape_when_rows_are_withheld_then_after_the_key_they_are_the_same_whatever_the_reason(release, name):
    table = pd.read_csv(release / f"{name}.csv", dtype="str", keep_default_na=False)
    hidden = table[table["status"] == "withheld"]
    assert len(hidden)
    assert len(hidden.drop(columns=list(catalog.table(name).key)).drop_duplicates()) == 1
