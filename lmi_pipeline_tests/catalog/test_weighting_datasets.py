"""Weighted datasets, the vintages that are made for them, and the catalogue files themselves fit together."""

import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.errors import SchemaError
from lmi_pipeline.methods.weighting import cell_columns, codes_of, control_columns

DATASETS = ("lfs_person", "lfs_weekly", "lfs_longitudinal", "aps_person", "lfs_household", "aps_household")
CONTROLS = ("area_total", "age_sex", "region_age_sex", "tenure_region", "birth_group")
RULES = [(dataset, rule) for dataset in catalog.weighting_datasets().values() for rule in dataset.controls]


def rule_id(value):
    return getattr(value, "name", None)


def test_the_datasets_are_the_six_that_ons_weights():
    assert tuple(catalog.weighting_datasets()) == DATASETS


@pytest.mark.parametrize("vintage", catalog.weight_vintages().values(), ids=rule_id)
def test_a_vintage_names_datasets_and_vintages_that_are_there(vintage):
    assert set(vintage.datasets) <= set(DATASETS)
    assert len(set(vintage.datasets)) == len(vintage.datasets)
    assert "lfs_person" in vintage.datasets
    assert set(vintage.compare_with) <= set(catalog.weight_vintages()) - {vintage.name}
    assert set(vintage.non_response_exempt) <= set(catalog.codes("region"))
    assert vintage.from_quarter <= vintage.reweighted_from


def test_a_vintage_is_compared_with_earlier_ones():
    order = list(catalog.weight_vintages())
    for vintage in catalog.weight_vintages().values():
        assert all(order.index(other) < order.index(vintage.name) for other in vintage.compare_with)


@pytest.mark.parametrize("dataset", catalog.weighting_datasets().values(), ids=rule_id)
def test_a_dataset_has_a_table_of_its_own_by_quarter_and_vintage(dataset):
    table = catalog.table(dataset.table)
    assert table.slice_by == ("quarter", "weight_vintage")
    assert table.partitioned
    assert table.microdata
    assert {"weight", "base_weight", "weight_source"} <= set(table.columns)
    assert ("reference_week" in table.columns) == dataset.by_week
    assert [d.name for d in catalog.weighting_datasets().values() if d.table == dataset.table] == [dataset.name]


@pytest.mark.parametrize(("dataset", "rule"), RULES, ids=rule_id)
def test_a_rule_cuts_by_columns_that_respondents_and_population_have(dataset, rule):
    person = catalog.table("core_lfs__quarterly_person").columns
    added = {"age_group", "age_band", "age_broad", "region_group", "tenure_group", "birth_group"}
    totals = (
        "est_population__quarterly_tenure" if "tenure_group" in rule.dimensions else "est_population__quarterly_cell"
    )
    of_cells = {*catalog.table(totals).columns, "region_group", "age_band", "age_broad"}
    assert rule.name in CONTROLS
    assert set(rule.dimensions) <= {*person, *added}
    assert set(rule.dimensions) <= of_cells
    assert rule.merge_along is None or rule.merge_along in rule.dimensions
    assert all(codes_of(column) for column in rule.dimensions)


def test_the_columns_of_the_rules_are_those_the_methods_add():
    person = pd.DataFrame(
        {
            "age_years": [17],
            "sex": ["male"],
            "region_gss": ["E12000001"],
            "tenure": ["rent_free"],
            "birth_group": ["uk"],
        }
    )
    cell = pd.DataFrame({"region_gss": ["E12000001"], "age_group": ["17"], "tenure_group": ["rented"]})
    respondent, population = control_columns(person).iloc[0], cell_columns(cell).iloc[0]
    for column in ("age_group", "age_band", "age_broad", "region_group", "tenure_group"):
        assert respondent[column] == population[column]
        assert respondent[column] in codes_of(column)


def test_every_control_of_a_vintage_is_cut_for_persons():
    cut = {rule.name for rule in catalog.weighting_dataset("lfs_person").controls}
    assert all(set(vintage.controls) <= cut for vintage in catalog.weight_vintages().values())


def test_when_a_dataset_is_unknown_then_the_nearest_names_are_offered():
    with pytest.raises(SchemaError, match="aps_household"):
        catalog.weighting_dataset("aps_houshold")


@pytest.mark.parametrize(
    "text", ["a: 1\na: 2\n", "- {name: x, note: one, note: two}\n", "outer: {inner: {a: 1, b: 2, a: 1}}\n"]
)
def test_when_a_key_stands_twice_then_the_file_is_refused(tmp_path, text):
    path = tmp_path / "facts.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SchemaError, match="defined twice"):
        catalog._load_yaml(path)


def test_when_an_anchor_is_merged_and_overridden_then_that_is_no_repetition(tmp_path):
    path = tmp_path / "facts.yml"
    path.write_text("base: &base {a: 1, b: 2}\nmore: {<<: *base, b: 3}\n", encoding="utf-8")
    assert catalog._load_yaml(path)["more"] == {"a": 1, "b": 3}
