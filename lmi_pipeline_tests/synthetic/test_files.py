"""The files have the publishers' layouts: the readers read them all, and find the truth in them."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog, synthetic
from lmi_pipeline.sources.base import Reader, VaultFile, stamp
from lmi_pipeline.sources.census import READER as CENSUS
from lmi_pipeline.sources.lfs.aggregates import identify_aggregate, read_aggregate
from lmi_pipeline.sources.population import READER as POPULATION
from lmi_pipeline.sources.rti import READER as RTI
from lmi_pipeline.synthetic import rti
from lmi_pipeline.synthetic.writers import NOTICE

UK = catalog.UNITED_KINGDOM


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synthetic")
    synthetic.generate(out, sources=["rti", "lfs", "population", "census"])
    return out


@pytest.fixture(scope="module")
def true() -> synthetic.SyntheticTruth:
    return synthetic.truth("small", 2010)


def _core(reader: Reader, folder: Path, pattern: str, table: str) -> pd.DataFrame:
    frames = []
    for path in sorted(folder.glob(pattern)):
        identity = reader.identify(path)
        file = VaultFile(path, identity, path.name, hashlib.sha256(path.read_bytes()).hexdigest(), "true")
        frames.append(stamp(reader.read(path, identity).frame, file))
    return reader.tidy[table](pd.concat(frames, ignore_index=True))


@pytest.mark.parametrize("reader", [RTI, POPULATION, CENSUS], ids=lambda reader: reader.source)
def test_every_file_is_read(folder: Path, reader: Reader) -> None:
    for path in sorted((folder / reader.source).iterdir()):
        identity = reader.identify(path)
        assert identity.source == reader.source
        assert len(reader.read(path, identity).frame) > 0


def test_every_published_table_of_the_lfs_is_read(folder: Path) -> None:
    layouts = set()
    for path in sorted((folder / "lfs").glob("*.xlsx")):
        identity = identify_aggregate(path)
        assert identity is not None
        layouts.add(identity.layout)
        assert len(read_aggregate(path, identity).frame) > 0
    assert layouts == {"emp06", "inac01", "a01", "a05"}


def test_the_newest_release_of_employees_is_the_truth(folder: Path, true: synthetic.SyntheticTruth) -> None:
    core = _core(RTI, folder / "rti", "nuts1*.xlsx", "core_rti__monthly_employees")
    newest = core[(core["release"] == "2024-02") & ~core["is_seasonally_adjusted"].astype(bool)]
    both = newest.merge(
        true.employees.rename(columns={"region_gss": "area_code"}), on=["month", "area_code", "nationality_group"]
    )
    assert len(both) == 114 * 12 * 3
    assert both["employee_count_x"].astype(float).equals(both["employee_count_y"].astype(float))


def test_an_older_release_restates_all_history_a_little_differently(true: synthetic.SyntheticTruth) -> None:
    old, new = (rti.released_employees(true, release) for release in ("2021-03", "2024-02"))
    ratio = old / new[..., : old.shape[-1]]
    assert old.shape[-1] == 80
    assert 0.98 < ratio.min() < ratio.max() < 1.02
    assert not np.allclose(ratio[..., :12], 1, atol=1e-5)


def test_seasonal_adjustment_takes_the_seasons_out_and_leaves_the_level(true: synthetic.SyntheticTruth) -> None:
    adjusted = rti.seasonally_adjusted(true.employee_array)
    np.testing.assert_allclose(adjusted.sum(axis=-1), true.employee_array.sum(axis=-1), rtol=0.002)
    assert (
        np.abs(np.diff(adjusted[0].sum(axis=0), 2)).mean()
        < np.abs(np.diff(true.employee_array[0].sum(axis=0), 2)).mean()
    )


def test_population_files_hold_the_truth(folder: Path, true: synthetic.SyntheticTruth) -> None:
    core = _core(
        POPULATION, folder / "population", "natural_change_2021-03.csv", "core_population__quarterly_natural_change"
    )
    both = core.merge(true.natural_change, on=["quarter", "area_code"])
    assert len(both) == len(core)
    assert both["natural_change_count_x"].sub(both["natural_change_count_y"]).abs().max() <= 0.5
    years = _core(POPULATION, folder / "population", "NM_2002_1_2022-12.tsv", "core_population__yearly_estimate")
    total = years[(years["area_code"] == UK) & (years["age_label"] == "total") & (years["year"] == 2020)]
    expected = (true.population_of("2020-04").sum() + true.population_of("2020-07").sum()) / 2
    assert total["population_count"].item() == pytest.approx(expected, rel=1e-5)


def _persons(core: pd.DataFrame, release: str) -> pd.Series:
    """Persons of a release by year."""
    return core[core["release"] == release].groupby("year")["population_count"].sum()


@pytest.fixture(scope="module")
def projections(folder: Path) -> pd.DataFrame:
    return _core(POPULATION, folder / "population", "NM_2006_1_*.tsv", "core_population__yearly_projection")


def test_projections_have_every_region_sex_and_single_year_of_age(projections: pd.DataFrame) -> None:
    regions = set(catalog.codes("region")) - {UK}
    for release, first in (("2020-03", 2018), ("2024-01", 2021)):
        made = projections[projections["release"] == release]
        assert set(made["area_code"]) == regions
        assert set(made["sex"]) == {"male", "female"}
        assert set(made["projection_variant"]) == {"ppp"}
        years = range(first, 2031)
        assert set(made["year"]) == set(years)
        assert len(made) == len(years) * 12 * 2 * 91
        assert (made["population_count"] > 0).all()


def test_projection_before_the_pandemic_starts_from_the_truth_and_runs_over_it(
    projections: pd.DataFrame, true: synthetic.SyntheticTruth
) -> None:
    persons = _persons(projections, "2020-03")
    for year in (2018, 2019):
        assert persons[year] == pytest.approx(_true_mid_year(true, year), rel=1e-5)
    missed = {year: persons[year] - _true_mid_year(true, year) for year in (2020, 2021, 2022)}
    assert 50_000 < missed[2020] < missed[2021]


def test_projection_after_the_pandemic_is_the_truth_then_goes_on_growing(
    projections: pd.DataFrame, true: synthetic.SyntheticTruth
) -> None:
    persons = _persons(projections, "2024-01")
    for year in (2021, 2022, 2023):
        assert persons[year] == pytest.approx(_true_mid_year(true, year), rel=1e-5)
    growth = persons.pct_change().loc[2024:]
    latest = true.population_of("2023-10").sum() / true.population_of("2022-10").sum() - 1
    np.testing.assert_allclose(growth.iloc[0], latest, atol=0.001)
    assert (growth > 0).all()


def _true_mid_year(true: synthetic.SyntheticTruth, year: int) -> float:
    return float(true.population_of(f"{year}-04").sum() + true.population_of(f"{year}-07").sum()) / 2


def test_each_release_of_estimates_ends_the_year_before(folder: Path, true: synthetic.SyntheticTruth) -> None:
    core = _core(POPULATION, folder / "population", "NM_2002_1_*.tsv", "core_population__yearly_estimate")
    assert core.groupby("release")["year"].max().to_dict() == {"2020-06": 2019, "2022-12": 2021, "2023-11": 2022}
    newest = core[(core["release"] == "2023-11") & (core["area_code"] != UK) & (core["age_label"] != "total")]
    assert _persons(newest, "2023-11")[2022] == pytest.approx(_true_mid_year(true, 2022), rel=1e-5)


def test_population_files_are_small(folder: Path) -> None:
    assert max(path.stat().st_size for path in (folder / "population").iterdir()) < 5_000_000


def test_net_migration_of_2019_is_the_growth_behind_the_truth(folder: Path) -> None:
    core = _core(POPULATION, folder / "population", "ltim_net_2020-05.csv", "core_migration__yearly_net")
    net = core.set_index(["year_ending", "nationality_group"])["net_migration_count"]
    assert net["2019-12", "eu"] == 49_000
    assert net["2019-12", "non_eu"] == 282_000
    assert net["2019-12", "total"] == net["2019-12"][["uk", "eu", "non_eu"]].sum()


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    sources = ["rti", "population", "census"]
    first, second = (synthetic.generate(tmp_path / name, sources=sources) for name in ("first", "second"))
    assert [path.name for path in first] == [path.name for path in second]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, second, strict=True))


def test_no_area_of_the_census_is_a_real_one(folder: Path, real_data: Path) -> None:
    name = "tenure-households-lad_QS405EW.csv"
    made, real = (pd.read_csv(path / name, dtype=str) for path in (folder / "census", real_data / "census2011"))
    assert list(made.columns) == list(real.columns)
    assert not set(made["geography code"]) & set(real["geography code"])
    assert not set(made["geography"]) & set(real["geography"])


def test_no_published_table_is_copied(folder: Path, real_data: Path) -> None:
    from python_calamine import CalamineWorkbook

    name, sheet = "nuts1bynationalitynsaandsamar2023.xlsx", "(1) NUTS1 by Nat - NSA"
    made, real = (
        CalamineWorkbook.from_path(path / name).get_sheet_by_name(sheet).to_python(skip_empty_area=False)
        for path in (folder / "rti", real_data / "rti")
    )
    assert [row[:5] for row in made[5:7]] == [row[:5] for row in real[5:7]]
    numbers = [np.array([row[1:] for row in rows[7:]], dtype=float) for rows in (made, real)]
    assert numbers[0].shape == numbers[1].shape
    assert (numbers[0] == numbers[1]).mean() < 0.001


def test_every_workbook_says_that_it_is_synthetic(folder: Path) -> None:
    from python_calamine import CalamineWorkbook

    for path in [*folder.rglob("*.xlsx"), *folder.rglob("*.ods")]:
        book = CalamineWorkbook.from_path(path)
        texts = {
            cell for name in book.sheet_names[:4] for row in book.get_sheet_by_name(name).to_python() for cell in row
        }
        assert NOTICE in texts, path.name


def test_progress_is_told(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    synthetic.generate(tmp_path, sources=["census"], progress=lambda *step: seen.append(step))
    assert seen == [("census", 0, 1), ("census", 1, 1)]
