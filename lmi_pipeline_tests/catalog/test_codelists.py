"""The code lists hang together, and say what the publishers' files say."""

import csv

import pandas as pd
import pytest
from python_calamine import CalamineWorkbook

from lmi_pipeline import catalog
from lmi_pipeline.catalog import build_codelists

ALL_LISTS = sorted(path.stem for path in (catalog.ROOT / "codelists").glob("*.csv"))
COUNTS = {
    "region": 12,
    "nation": 4,
    "soc2010_major": 9,
    "soc2010_sub_major": 25,
    "soc2010_minor": 90,
    "soc2010_unit_group": 369,
    "soc2020_major": 9,
    "soc2020_sub_major": 26,
    "soc2020_minor": 104,
    "soc2020_unit_group": 412,
    "ashe_measure": 11,
    "ashe_work_region": 12,
    "sic2007_section": 21,
    "sic2007_division": 88,
    "industry75_division": 88,
    "industry_75": 75,
    "industry_22": 22,
    "industry_6": 6,
    "qualification_9": 9,
    "qualification_6": 6,
    "qualification_3": 3,
    "gender": 2,
    "status": 3,
}
EU27 = "40 56 100 191 196 203 208 233 246 250 276 300 348 372 380 428 440 442 470 528 616 620 642 703 705 724 752"


def parents():
    for name in ALL_LISTS:
        for column in catalog.codelist(name).columns[2:]:
            if column in ALL_LISTS:
                yield name, column


def rows_of(path, sheet):
    return CalamineWorkbook.from_path(path).get_sheet_by_name(sheet).to_python()


def lfs_codes(variable):
    frame = catalog.codelist("lfs_code")
    return frame[frame["variable"] == variable].set_index("value")


@pytest.mark.parametrize("name", ALL_LISTS)
def test_a_list_is_unique_trimmed_and_named(name):
    frame = catalog.codelist(name)
    assert not frame.empty
    assert frame["code"].is_unique
    assert (frame[["code", "name"]] != "").all().all()
    assert frame.apply(lambda column: (column == column.str.strip()).all()).all()


@pytest.mark.parametrize(("name", "count"), list(COUNTS.items()))
def test_a_classification_has_its_known_size(name, count):
    assert len(catalog.codes(name)) == count


@pytest.mark.parametrize(("name", "parent"), list(parents()))
def test_every_parent_exists(name, parent):
    named = set(catalog.codelist(name)[parent]) - {""}
    assert named <= {*catalog.codes(parent), *([catalog.UNITED_KINGDOM, "E92000001"] if name == "region_alias" else [])}


@pytest.mark.parametrize(
    ("child", "parent"),
    [
        ("soc2010_unit_group", "soc2010_minor"),
        ("soc2010_minor", "soc2010_sub_major"),
        ("soc2010_sub_major", "soc2010_major"),
        ("soc2020_unit_group", "soc2020_minor"),
        ("soc2020_minor", "soc2020_sub_major"),
        ("soc2020_sub_major", "soc2020_major"),
        ("ashe_work_region", "region"),
        ("sic2007_division", "sic2007_section"),
        ("industry75_division", "industry_75"),
        ("industry_75", "industry_22"),
        ("industry_22", "industry_6"),
        ("qualification_9", "qualification_6"),
        ("qualification_6", "qualification_3"),
        ("status", "status_group"),
        ("region", "region_group"),
        ("region", "nation"),
        ("tenure", "tenure_group"),
    ],
)
def test_going_up_a_level_reaches_every_parent(child, parent):
    assert set(catalog.codelist(child)[parent]) == set(catalog.codes(parent))


@pytest.mark.parametrize("column", [c.name for c in catalog.columns().values() if c.codelist])
def test_every_list_a_column_names_is_there(column):
    assert catalog.codes(str(catalog.column(column).codelist))


def test_the_two_region_codings_of_v1_are_permutations_and_differ():
    regions = catalog.codelist("region")
    pay, employment = (regions[c].astype(int) for c in ("pay_code_v1", "employment_code_v1"))
    assert sorted(pay) == sorted(employment) == list(range(1, 13))
    assert regions.loc[pay == employment, "name"].tolist() == ["London", "Wales", "Scotland", "Northern Ireland"]


def test_regions_agree_with_the_register_of_geographic_codes(real_data):
    register = pd.read_csv(real_data / "soc_sic" / "rgn_all_codes.csv", dtype="str").set_index("RGNCD")
    regions = catalog.codelist("region").set_index("code")
    english = regions[regions["nation"] == "E92000001"]
    assert (english["nation"] == register.loc[english.index, "CTRYCD"]).all()
    assert (english["name"] == register.loc[english.index, "RGNNM"]).all()


def test_regions_agree_with_the_rti_workbook(real_data):
    rows = rows_of(real_data / "rti" / "rtisafeb2026.xlsx", "7. Employees (NUTS1)")
    published = dict(zip(rows[6][1:13], rows[5][1:13], strict=True))
    regions = catalog.codelist("region")
    aliases = catalog.mapping("region_alias", "region")
    assert {aliases[label]: code for label, code in published.items()} == dict(
        zip(regions["code"], regions["nuts1"], strict=True)
    )


def test_region_spellings_of_the_publishers_are_aliases(real_data):
    aliases = catalog.mapping("region_alias", "region")
    book = CalamineWorkbook.from_path(real_data / "rti" / "paye_employments_jul14jun21.xlsx")
    assert {aliases[name] for name in book.sheet_names[5:]} == {*catalog.codes("region"), "E92000001"}
    rows = rows_of(real_data / "rti" / "nuts1bynationalitynsaandsamar2023.xlsx", "(1) NUTS1 by Nat - NSA")
    order = [aliases[cell] for cell in rows[5] if cell]
    assert order == [
        *catalog.codelist("region").sort_values("mws_order", key=lambda c: c.astype(int))["code"],
        catalog.UNITED_KINGDOM,
    ]
    rows = rows_of(real_data / "vacancies" / "onlinejobadvertestimatesdataset131022.xlsx", "Adverts by region Feb 2020")
    adverts = {row[2]: row[1].strip("()") for row in rows if str(row[1]).startswith("(")}
    assert {label: aliases[label] for label in adverts} == adverts


def test_an_alias_carries_the_name_of_its_region():
    aliases = catalog.codelist("region_alias")
    assert (aliases.groupby("region")["name"].nunique() == 1).all()
    assert set(aliases["name"]) <= set(aliases["code"])


def test_groups_of_regions_are_coded_by_their_only_region():
    sizes = catalog.codelist("region").groupby("region_group")["code"].agg(list)
    for group, members in sizes.items():
        assert (members == [group]) == (len(members) == 1)
        assert str(group).startswith("G_") == (len(members) > 1)


def test_soc_and_sic_equal_the_files_of_ons(real_data):
    built = build_codelists.build(real_data / "soc_sic")
    for name, frame in built.items():
        pd.testing.assert_frame_equal(frame.reset_index(drop=True).astype("str"), catalog.codelist(name))


def test_unit_groups_equal_the_lfs_frame_and_the_structure_sheet(real_data):
    rows = rows_of(real_data / "soc_sic" / "ONS_index.xls", "SOC2010 Structure")
    structure = {str(int(row[3])): row[4].strip() for row in rows[1:] if row[3] != ""}
    listed = catalog.codelist("soc2010_unit_group")
    assert dict(zip(listed["code"], listed["name"], strict=True)) == structure
    frame = pd.read_csv(real_data / "lfs" / "codes_occupation_SOC10M.csv", dtype="str")
    frame_codes = frame["SOC"].str.strip()
    assert set(frame_codes[frame_codes.str.len() == 4]) == set(structure)


def test_divisions_fall_in_exactly_one_of_the_75_industries():
    division = catalog.codelist("industry75_division")
    assert set(division["code"]) == set(catalog.codes("sic2007_division"))
    ranges = catalog.codelist("industry_75").set_index("code")["sic2007"]
    spelled = {code: _divisions(text) for code, text in ranges.items()}
    assert division.groupby("industry_75")["code"].agg(list).to_dict() == spelled
    known = catalog.codes("sic2007_division")
    for child, parent in (("industry_75", "industry_22"), ("industry_22", "industry_6")):
        members = catalog.codelist(child).groupby(parent)["sic2007"].agg(",".join)
        stated = catalog.codelist(parent).set_index("code")["sic2007"]
        for code, text in members.items():
            assert set(_divisions(text)) == set(_divisions(stated[code])), f"{parent} {code}"
    assert sorted(code for codes in spelled.values() for code in codes) == sorted(known)


def _divisions(ranges):
    known = catalog.codes("sic2007_division")
    bounds = [part.split("-") for part in ranges.split(",")]
    return [code for code in known if any(b[0] <= code <= b[-1] for b in bounds)]


@pytest.mark.parametrize("name", ["WF2017-2027_UK", "SkillsImperative2035_EN"])
def test_working_futures_labels_equal_the_workbooks(real_data, name):
    rows = rows_of(real_data / "working_futures" / f"{name}_MainTables.Main.xlsm", "name")[3:]
    listed = ("industry_75", "industry_22", "industry_6", "qualification_9", "qualification_6")
    for codelist, column in zip(listed, (0, 1, 2, 5, 6), strict=True):
        labels = [" ".join(str(row[column]).split()) for row in rows]
        expected = [label.replace("accomod.", "accommodation") for label in labels if label]
        assert [" ".join(n.split()) for n in catalog.codelist(codelist)["name"]] == expected, codelist


def test_industries_join_as_the_aggregation_sheet_joins_them(real_data):
    book = real_data / "working_futures" / "WF2017-2027_UK_MainTables.Main.xlsm"
    joined, group = {}, ""
    for row in rows_of(book, "AggregationTables")[4:]:
        if len(joined) == 75:
            break
        group = str(int(row[0])) if row[0] != "" else group
        if row[2] != "":
            joined[str(int(row[2]))] = (group, row[3].split("[")[1].rstrip("]"))
    listed = catalog.codelist("industry_75")
    assert {r.code: (r.industry_22, r.sic2007) for r in listed.itertuples()} == joined


def test_lfs_codes_point_into_their_lists():
    frame = catalog.codelist("lfs_code")
    assert (frame["code"] == frame["variable"] + ":" + frame["value"]).all()
    for codelist, rows in frame.groupby("codelist"):
        assert set(rows["target"]) - {""} <= set(catalog.codes(str(codelist))), codelist


def test_economic_activity_codes_equal_the_lfs_frame(real_data):
    with (real_data / "lfs" / "codes_economic_activity_INECAC05.csv").open(encoding="utf-8-sig") as stream:
        published = [(row[0].strip(), row[1].strip()) for row in csv.reader(stream)][1:]
    ours = lfs_codes("INECAC05")["name"]
    assert list(zip(ours.index, ours, strict=True)) == published


def test_lfs_regions_and_industries_are_complete():
    for variable in ("GOVTOF2", "GOR9D"):
        assert lfs_codes(variable)["target"].tolist() == list(catalog.codes("region"))
    assert lfs_codes("INDS07M")["target"].tolist() == list("ABCDEFGHIJKLMNOPQRSTU")
    assert catalog.mapping("region", "govtof2") == {t: v for v, t in lfs_codes("GOVTOF2")["target"].items()}


@pytest.mark.parametrize("variable", ["CRYOX7", "NATOX7"])
def test_the_eu_is_the_27_members_without_the_uk(variable):
    codes = lfs_codes(variable)["target"]
    assert set(codes[codes == "eu"].index) == {*EU27.split(), "901", "911"}
    assert codes["926"] == "uk"
    assert codes["*"] == "non_eu"


@pytest.mark.parametrize("variable", ["CRYOX7_EUL_Sub", "NATOX7_EUL_Sub"])
def test_the_grouped_variables_fall_into_four_groups(variable):
    groups = lfs_codes(variable)["target"].reset_index().groupby("target")["value"].agg(set).to_dict()
    assert groups["uk"] == {"1"}
    assert groups["eu"] == {"2", "3", "4", "5"}
    assert groups["non_eu"] == {str(code) for code in range(6, 16)}
    assert groups["not_stated"] == {"-8", "-9"}


def test_industry_blocks_cover_the_rti_headers(real_data):
    rows = rows_of(real_data / "rti" / "rtisafeb2026.xlsx", "23. Employees (Industry)")
    published = dict(zip(rows[6][1:21], rows[5][1:21], strict=True))
    aliases = catalog.mapping("industry_block_alias", "industry_block")
    assert {label: aliases[label] for label in published} == published
