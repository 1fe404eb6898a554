"""Population: real files of Nomis and ONS, our own landing layouts, and files that are not what they should be."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.base import FileIdentity, VaultFile, stamp
from lmi_pipeline.sources.population import READER
from lmi_pipeline.sources.population.ages import NOMIS_AGES, PROJECTION_AGES, label_of_name

NOMIS_SELECTED = "nomis/NM_2002_1_151616f94c529da389b698c548ded518.tsv"
NOMIS_FULL = "nomis/NM_2002_1_lad_fullcolumns_first1500.csv"
NOMIS_PROJECTION = "nomis/NM_2006_1_782887f22b2a00a637e8705755f19f11.tsv"
NATIONAL, SUBNATIONAL = "population/npp_hhh.csv", "population/snpp_e.csv"
TOTALS = "population/populationestimatesbylocalauthority.xlsx"

ESTIMATE, PROJECTION = "core_population__yearly_estimate", "core_population__yearly_projection"
NATURAL, MIGRATION = "core_population__quarterly_natural_change", "core_migration__yearly_net"


def raw_of(*paths: Path) -> pd.DataFrame:
    frames = []
    for path in paths:
        identity = READER.identify(path)
        frames.append(
            stamp(READER.read(path, identity).frame, VaultFile(path, identity, path.name, path.name, "false"))
        )
    return pd.concat(frames, ignore_index=True)


def core_of(table: str, *paths: Path) -> pd.DataFrame:
    return READER.tidy[table](raw_of(*paths))


def written(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return path


@pytest.fixture
def selected(real_data, tmp_path) -> Path:
    """Nomis file without a date, its year put into the name."""
    return Path(shutil.copy(real_data / NOMIS_SELECTED, tmp_path / "NM_2002_1_2011_selected.tsv"))


@pytest.fixture
def ltim(tmp_path) -> Path:
    return written(
        tmp_path,
        "ltim_net_2020-05.csv",
        "year_ending,nationality_group,net_migration,method",
        "2019-12,total,270000,preliminary adjusted",
        "2019-12,eu,49000,preliminary adjusted",
        "2019-12,non_eu,282000,preliminary adjusted",
        "2019-12,british,-60000,",
    )


@pytest.fixture
def natural(tmp_path) -> Path:
    return written(
        tmp_path,
        "natural_change_2021-03.csv",
        "quarter,area_code,natural_change",
        "2020-01,K02000001,96000",
        "2020-01,G_NORTH_EAST_YORKSHIRE,-1200.5",
    )


@pytest.mark.parametrize(
    ("name", "layout", "release"),
    [
        (NOMIS_FULL, "nomis_estimate", "nomis-2021"),
        (TOTALS, "area_totals", "mye-2021"),
        (NOMIS_PROJECTION, "nomis_projection", "nomis-2016"),
        (NATIONAL, "national_projection", "2018-based"),
        (SUBNATIONAL, "subnational_projection", "2014-based"),
    ],
)
def test_real_files_are_identified(real_data, name, layout, release):
    assert READER.identify(real_data / name) == FileIdentity("population", layout, release)


def test_the_release_in_a_name_comes_first(real_data, tmp_path):
    for name, copy in ((NOMIS_FULL, "NM_2002_1_2022-12.csv"), (NATIONAL, "npp_hhh_2019-10.csv")):
        path = Path(shutil.copy(real_data / name, tmp_path / copy))
        assert READER.identify(path).release == re.search(r"\d{4}-\d{2}", copy)[0]


def test_every_file_pattern_of_the_catalogue_fits_its_files():
    names = {
        "nomis_estimate": NOMIS_FULL,
        "area_totals": TOTALS,
        "nomis_projection": NOMIS_PROJECTION,
        "national_projection": NATIONAL,
        "subnational_projection": SUBNATIONAL,
        "ltim_net": "ltim_net_2020-05.csv",
        "natural_change": "natural_change_2021-03.csv",
    }
    patterns = {layout.name: layout.file_pattern for layout in catalog.source("population").layouts}
    assert patterns.keys() == names.keys()
    for layout, name in names.items():
        assert re.fullmatch(patterns[layout], Path(name).name)


def test_rows_keep_to_the_catalogue(real_data, selected, ltim, natural):
    raw = raw_of(
        selected, *(real_data / n for n in (NOMIS_FULL, TOTALS, NOMIS_PROJECTION, NATIONAL, SUBNATIONAL)), ltim, natural
    )
    frames = {"raw_population__published_cell": raw, **{name: tidy(raw) for name, tidy in READER.tidy.items()}}
    for name, frame in frames.items():
        table = catalog.table(name)
        assert len(frame)
        assert set(frame.columns) == set(table.columns)
        assert not frame.duplicated(list(table.key)).any()
        assert not frame[[c for c in table.columns if c not in table.nullable]].isna().any().any()


def test_a_file_that_does_not_say_its_year_is_refused(real_data):
    with pytest.raises(SourceError, match="nothing says which mid-year it describes") as error:
        READER.identify(real_data / NOMIS_SELECTED)
    assert error.value.file == Path(NOMIS_SELECTED).name


def test_selected_columns_agree_with_the_totals_of_the_same_year(real_data, selected):
    core = core_of(ESTIMATE, selected, real_data / TOTALS)
    by_age = core[core["release"] == "nomis-2011"]
    assert set(by_age["year"]) == {2011}
    assert set(by_age["sex"]) == {"male", "female"}
    assert by_age["age_label"].nunique() == 91
    assert {"00", "90+"} < set(by_age["age_label"])
    totals = core[(core["release"] == "mye-2021") & (core["year"] == 2011)].set_index("area_code")["population_count"]
    sums = by_age.groupby("area_code")["population_count"].sum()
    assert (totals.reindex(sums.index) - sums).abs().lt(0.5).sum() == 362  # boundaries of the others changed since


def test_all_columns_of_the_api_keep_totals_and_bands(real_data):
    core = core_of(ESTIMATE, real_data / NOMIS_FULL)
    north_east = core[core["area_code"] == "E12000001"].set_index("age_label")["population_count"]
    assert north_east["total"] == 2646772
    assert north_east["0-15"] == 467562
    assert set(core["sex"]) == {"all"}
    bands = {"total", "0-15", "16-24", "25-49", "50-64", "65+", "0-4", "5-9"}
    assert set(core["age_label"]) == bands | {str(age) for age in range(10, 20)}
    assert north_east[["0-15", "16-24", "25-49", "50-64", "65+"]].sum() == north_east["total"]


def test_an_incomplete_download_is_reported(real_data):
    path = real_data / NOMIS_FULL
    notes = READER.read(path, READER.identify(path)).notes
    assert any("1500 of the 11178 records" in note for note in notes)


def test_projections_in_any_column_order(real_data):
    core = core_of(PROJECTION, real_data / NATIONAL, real_data / SUBNATIONAL, real_data / NOMIS_PROJECTION)
    assert core.groupby("release")["projection_variant"].unique().str[0].to_dict() == {
        "2018-based": "hhh",
        "2014-based": "ppp",
        "nomis-2016": "ppp",
    }
    found = core.set_index(["release", "year", "area_code", "sex", "age_label"])["population_count"]
    assert found["2018-based", 2018, "E92000001", "male", "00"] == 327309
    assert found["2018-based", 2018, "E92000001", "female", "90+"] == 341488
    assert found["2014-based", 2014, "E06000047", "male", "02"] == 2963
    assert found["nomis-2016", 2016, "E06000005", "male", "00"] == 619


def test_migration_and_natural_change(ltim, natural):
    net = core_of(MIGRATION, ltim).set_index("nationality_group")
    assert net["net_migration_count"].to_dict() == {"total": 270000, "eu": 49000, "non_eu": 282000, "uk": -60000}
    assert set(net["release"]) == {"2020-05"}
    assert set(net["year_ending"]) == {"2019-12"}
    assert net["migration_method"].isna().to_dict() == {"total": False, "eu": False, "non_eu": False, "uk": True}
    change = core_of(NATURAL, natural).set_index("area_code")["natural_change_count"]
    assert change.to_dict() == {"K02000001": 96000, "G_NORTH_EAST_YORKSHIRE": -1200.5}


def test_two_vintages_of_migration_stand_side_by_side(ltim, tmp_path):
    later = written(
        tmp_path, "ltim_net_2022-11.csv", "net_migration,method,year_ending,nationality_group", "184000,,2019-12,total"
    )
    net = core_of(MIGRATION, ltim, later)
    assert net.loc[net["nationality_group"] == "total"].set_index("release")["net_migration_count"].to_dict() == {
        "2020-05": 270000,
        "2022-11": 184000,
    }


FLAGS = '"GEOGRAPHY_CODE"\t"DATE"\t"GENDER"\t"C_AGE"\t"OBS_VALUE"\t"OBS_STATUS"\t"OBS_CONF"'


def test_missing_and_confidential_values_stay_in_the_raw_table(tmp_path):
    path = written(
        tmp_path,
        "NM_2002_1_a.tsv",
        FLAGS,
        "E06000001\t2020\t1\t101\t500\tA\tF",
        "E06000001\t2020\t1\t102\t\tQ\tF",
        "E06000001\t2020\t1\t103\t4\tA\tC",
    )
    result = READER.read(path, READER.identify(path))
    assert result.frame["cell_marker"].fillna("").tolist() == ["", "Q", "C"]
    assert result.frame["cell_value"].isna().tolist() == [False, True, True]
    assert result.notes == ("2 values are missing, suppressed or confidential; they stay in the raw table only.",)
    assert core_of(ESTIMATE, path)["population_count"].tolist() == [500]


def test_a_region_listed_twice_is_kept_once(tmp_path):
    line = "E12000007\t2020\t0\t200\t9000000\tA\tF"
    assert len(core_of(ESTIMATE, written(tmp_path, "NM_2002_1_a.tsv", FLAGS, line, line))) == 1


def test_files_of_one_release_that_disagree_are_refused(tmp_path):
    first = written(tmp_path, "NM_2002_1_a.tsv", FLAGS, "E06000001\t2020\t1\t101\t500\tA\tF")
    second = written(tmp_path, "NM_2002_1_b.tsv", FLAGS, "E06000001\t2020\t1\t101\t501\tA\tF")
    with pytest.raises(SourceError, match=r"NM_2002_1_a.tsv, NM_2002_1_b.tsv.*1 values differ"):
        core_of(ESTIMATE, first, second)


@pytest.mark.parametrize(
    ("name", "lines", "place"),
    [
        ("NM_2002_1_a.tsv", (FLAGS, "E06000001\t2020\t1\t101\t500\tX\tF"), "cell F2: unknown code 'X'"),
        ("NM_2002_1_a.tsv", (FLAGS, "E06000001\t2020\t1\t101\t500\tA\tN"), "cell G2: unknown code 'N'"),
        ("NM_2002_1_a.tsv", (FLAGS, "E06000001\t2020\t1\t101\t\tA\tF"), "cell E2: empty value"),
        ("NM_2002_1_a.tsv", (FLAGS, "E06000001\t2020\t1\t101\t5k\tA\tF"), "cell E2: expected a number"),
        ("NM_2002_1_a.tsv", (FLAGS, "E06000001\t2020\t3\t101\t5\tA\tF"), "cell C2: unknown code '3'"),
        ("NM_2002_1_a.tsv", (FLAGS, "E06000001\t2020\t1\t300\t5\tA\tF"), "cell D2: unknown code '300'"),
        ("NM_2002_1_a.tsv", (FLAGS, "Hartlepool\t2020\t1\t101\t5\tA\tF"), "cell A2: expected a nine-character"),
        ("NM_2002_1_a.tsv", (FLAGS, "E06000001\t2020\t1\t101\t5\tA"), "cell G2: unknown code ''"),
        ("NM_2002_1_a.tsv", (FLAGS, "E06000001\t2020\t1\t101\t5\tA\tF\tF"), "cell A2: the lines have more cells"),
        ("NM_2002_1_a.tsv", (FLAGS + "\tCOLOUR", "E06000001\t2020\t1\t101\t5\tA\tF\tred"), "cell H1: unknown column"),
        ("NM_2002_1_a.tsv", (FLAGS + "\tMEASURES", "E06000001\t2020\t1\t101\t5\tA\tF\t20301"), "cell H2: unknown code"),
        ("NM_2002_1_a.tsv", (FLAGS + "\tC_AGE_NAME", "E06000001\t2020\t1\t101\t5\tA\tF\tAge 9"), "cell H2: code 101"),
        ("NM_2002_1_a.tsv", (FLAGS,), "has a header but no data"),
        (
            "NM_2006_1_a.tsv",
            ("GEOGRAPHY_CODE\tGENDER\tC_AGE\tOBS_VALUE", "E06000001\t1\t101\t5"),
            "missing PROJECTED_YEAR",
        ),
        (
            "npp_hhh.csv",
            ("C_AGE,GENDER,OBS_VALUE,PROJECTED_YEAR_NAME,GEOGRAPHY_CODE", "91,1,5,2018,E92000001"),
            "cell A2",
        ),
        (
            "npp_hhh.csv",
            ("AGE,GENDER,OBS_VALUE,PROJECTED_YEAR_NAME,GEOGRAPHY_CODE", "9,1,5,2018,E92000001"),
            "missing C_AGE",
        ),
        (
            "ltim_net_2020-05.csv",
            ("year_ending,nationality_group,net_migration,method", "2019-12,total,270,"),
            "thousands",
        ),
        (
            "ltim_net_2020-05.csv",
            ("year_ending,nationality_group,net_migration,method", "2019-12,irish,9000,"),
            "cell B2",
        ),
        ("ltim_net_2020-05.csv", ("year_ending,nationality_group,net_migration,method", "2019,total,9000,"), "cell A2"),
        (
            "ltim_net_2020-05.csv",
            ("year_ending,nationality_group,net_migration,method", "2019-12,total,..,"),
            "cell C2",
        ),
        (
            "ltim_net.csv",
            ("year_ending,nationality_group,net_migration,method", "2019-12,total,9000,"),
            "ltim_net_2020-05.csv",
        ),
        ("natural_change_2021-03.csv", ("quarter,area_code,natural_change", "2020-Q1,K02000001,5"), "cell A2"),
        ("natural_change_2021-03.csv", ("quarter,area_code,natural_change", "2020-01,K02000001,"), "cell C2"),
        ("births.csv", ("quarter,births", "2020-01,5"), "is not a population file"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(tmp_path, name, lines, place):
    path = written(tmp_path, name, *lines)
    with pytest.raises(SourceError) as error:
        READER.read(path, READER.identify(path))
    assert error.value.file == name
    assert place in str(error.value)


def test_a_download_cut_off_in_its_last_line_is_refused(selected):
    selected.write_bytes(selected.read_bytes()[:-2])
    with pytest.raises(SourceError, match="the last line has no end"):
        READER.read(selected, READER.identify(selected))


def test_a_truncated_workbook_is_refused(real_data, tmp_path):
    path = tmp_path / Path(TOTALS).name
    path.write_bytes((real_data / TOTALS).read_bytes()[:40_000])
    with pytest.raises(SourceError, match=f"file '{path.name}'"):
        READER.identify(path)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("All Ages", "total"),
        ("Age 0", "00"),
        ("Aged 0", "00"),
        ("Age 7", "07"),
        ("Aged 85+", "85+"),
        ("Aged 90+", "90+"),
        ("Aged 0 to 15", "0-15"),
        ("Age 0 - 4", "0-4"),
        ("Aged 5-9", "5-9"),
        ("Adults", None),
    ],
)
def test_ages_by_name(name, label):
    assert label_of_name(name) == label


def test_codes_of_ages_agree_with_the_metadata_of_nomis(real_data):
    fields = json.loads((real_data / "nomis" / "NM_2002_1_metadata.json").read_text())["fields"]["C_AGE"]
    assert {code: label_of_name(name) for code, name in fields.items()} == NOMIS_AGES
    assert list(PROJECTION_AGES.values()) == [f"{age:02d}" for age in range(90)] + ["90+"]
