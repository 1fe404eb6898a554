"""Hierarchies of the protected lattices: every code has its ladder, and the ladder ends at the total."""

import pytest

from lmi_pipeline import catalog
from lmi_pipeline.catalog.protection import NOT_STATED, Hierarchy, Level, closure_of, nodes_of, sums_of
from lmi_pipeline.errors import SchemaError


@pytest.mark.parametrize("name", sorted(catalog.hierarchies()))
def test_hierarchy_then_every_leaf_reaches_the_total_once(name):
    nodes, closure = catalog.hierarchy_nodes(name), catalog.hierarchy_closure(name)
    total = nodes["code"].iloc[-1]
    assert nodes["code"].is_unique
    assert not closure.duplicated(["leaf", "node"]).any()
    ends = closure[closure["node"] == total]
    assert sorted(ends["leaf"]) == sorted(closure.loc[closure["leaf"] == closure["node"], "leaf"])


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("occupation", {"soc2010_unit_group": 369, "soc2010_minor": 90, "soc2010_sub_major": 25, "soc2010_major": 9}),
        ("industry", {"industry_75": 75, "industry_22": 22, "industry_6": 6}),
        ("area", {"region": 12, "nation": 1}),
        ("qualification_9", {"qualification_9": 9, "qualification_6": 6, "qualification_3": 3}),
    ],
)
def test_levels_then_as_many_codes_as_the_classification_has(name, sizes):
    found = catalog.hierarchy_nodes(name)["level"].value_counts().to_dict()
    assert {level: found[level] for level in sizes} == sizes


def test_code_when_it_is_its_own_parent_then_one_cell_below_what_is_above():
    nodes = catalog.hierarchy_nodes("area").set_index("code")
    assert nodes.loc["W92000004", ["level", "parent"]].tolist() == ["region", "K02000001"]
    assert nodes.loc["E12000007", "parent"] == "E92000001"


def test_sums_then_parents_and_all_their_children():
    sums = dict(sums_of(catalog.hierarchy_nodes("work_status")))
    assert sums == {"EE": ["FT", "PT"], "all": ["SE", "OT", "EE"]}


def test_not_stated_then_a_leaf_below_the_total():
    nodes = catalog.hierarchy_nodes("qualification").set_index("code")
    assert nodes.loc[NOT_STATED, "parent"] == "all"


def test_when_a_parent_is_no_code_then_error_names_the_hierarchy():
    broken = Hierarchy(
        name="broken", title="Broken", total="all", total_name="All",
        levels=(Level(codelist="region", parent="name"), Level(codelist="nation")),
    )  # fmt: skip
    lists = {name: catalog.codelist(name) for name in ("region", "nation")}
    with pytest.raises(SchemaError, match="hierarchy 'broken': 1 parents are no codes"):
        nodes_of(broken, lists)


def test_closure_when_two_levels_then_leaf_beside_itself_and_both_above():
    closure = closure_of(catalog.hierarchy_nodes("labour_status"))
    rows = closure[closure["leaf"] == "employed"]
    assert rows["node"].tolist() == ["employed", "active", "all"]


@pytest.mark.parametrize("name", sorted(catalog.products()))
def test_product_then_its_tables_follow_from_it(name):
    product = catalog.product(name)
    cells = catalog.table(product.cells)
    assert set(product.dimensions) <= set(cells.columns)
    for table in (product.decision, product.witness, product.offer):
        assert catalog.table(table).slice_by == cells.slice_by
    alternative = catalog.table(product.alternatives)
    assert [f"alternative_{d}" for d in product.dimensions] == [
        c for c in alternative.columns if c[:12] == "alternative_"
    ][: len(product.dimensions)]
    assert "withheld_reason" not in alternative.columns


def test_newest_vintage_then_the_last_published():
    assert catalog.newest_vintage() == "pwt24"
