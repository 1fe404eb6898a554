"""The whole graph: definitions load, everything is built and checked, one partition re-runs, a failure stops."""

import json

import dagster as dg
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.definitions import build

pytestmark = pytest.mark.xdist_group("built")

WRITTEN_ONCE = (
    "core_ashe__yearly_job",
    "core_ashe__yearly_published",
    "core_census__area_characteristic",
    "core_lfs__quarterly_boost_person",
    "core_lfs__quarterly_dataset_weight",
    "core_lfs__quarterly_issued_household",
    "core_lfs__quarterly_person",
    "core_lfs__quarterly_published_series",
    "core_lfs__quarterly_published_weight",
    "core_migration__yearly_net",
    "core_population__quarterly_natural_change",
    "core_population__yearly_estimate",
    "core_population__yearly_projection",
    "core_rti__monthly_employees",
    "core_rti__monthly_employments",
    "core_rti__monthly_payroll",
    "est_hours__yearly_cell",
    "est_lfs__quarterly_response_factor",
    "est_lfs__yearly_lattice",
    "est_lfs__yearly_lattice_decision",
    "est_pay__age_ratio",
    "est_pay__equation",
    "est_pay__yearly_cell",
    "est_pay__yearly_change",
    "est_pay__yearly_interval",
    "est_pay__yearly_lattice",
    "est_pay__yearly_lattice_decision",
    "est_pay__yearly_quantile",
    "est_pay__yearly_unit_group",
    "est_population__quarterly_lattice",
    "est_population__quarterly_lattice_decision",
    "est_population__quarterly_stock",
    "est_rti__quarterly_growth",
    "out_hours__yearly_cell",
    "out_lfs__quarterly_indicator",
    "out_lfs__yearly_alternative",
    "out_lfs__yearly_employment",
    "out_lfs__yearly_unemployment",
    "out_pay__yearly_alternative",
    "out_pay__yearly_cell",
    "out_pay__yearly_change",
    "out_pay__yearly_quantile",
    "out_pay__yearly_region_median",
    "out_pay__yearly_unit_group",
    "out_population__quarterly_alternative",
    "out_population__quarterly_birth_group",
    "out_reweighting__quarterly_revision",
    "publication__release",
    "publication__reweighting_report",
    "raw_ashe__published_cell",
    "raw_ashe__yearly_job",
    "raw_census__published_cell",
    "raw_lfs__published_cell",
    "raw_lfs__quarterly_boost_person",
    "raw_lfs__quarterly_dataset_weight",
    "raw_lfs__quarterly_issued_household",
    "raw_lfs__quarterly_person",
    "raw_population__published_cell",
    "raw_rti__published_cell",
    "vault_ashe__file",
    "vault_census__file",
    "vault_lfs__file",
    "vault_population__file",
    "vault_rti__file",
)


def slices_of_the_reweighting() -> set[str]:
    """Assets that write one slice of a table: by vintage, by vintage and dataset, or by table of the evaluation."""
    vintages = catalog.weight_vintages().values()
    names = {f"est_reweighting__impact_{code}" for code in catalog.codes("impact_table")}
    names |= {f"{catalog.weighting_dataset(d).table}_{v.name}" for v in vintages for d in v.datasets}
    names |= {f"est_lfs__quarterly_estimate_{v.name}" for v in vintages}
    names |= {f"est_population__quarterly_cell_{v.name}" for v in vintages}
    names |= {f"est_population__quarterly_tenure_{v.name}" for v in vintages if "tenure_region" in v.controls}
    names |= {f"est_population__quarterly_control_{v.name}" for v in vintages if "birth_group" in v.controls}
    return names


@pytest.fixture
def definitions(built):
    return build(built.settings())


def test_assets_when_loaded_then_exactly_these(definitions):
    graph = definitions.resolve_asset_graph()
    assert sorted(key.to_user_string() for key in graph.get_all_asset_keys()) == sorted(
        {*WRITTEN_ONCE, *slices_of_the_reweighting()}
    )


def test_weights_when_loaded_then_six_datasets_of_every_vintage_but_the_two_made_for_persons_only():
    datasets = {name: set(vintage.datasets) for name, vintage in catalog.weight_vintages().items()}
    assert {name for name, made in datasets.items() if made == {"lfs_person"}} == {"pwt18_tenure", "pwt20_corrected"}
    assert {len(made) for name, made in datasets.items() if name not in ("pwt18_tenure", "pwt20_corrected")} == {6}


def test_every_asset_has_description_owner_kind_version_and_columns(definitions):
    for spec in definitions.resolve_all_asset_specs():
        name = spec.key.to_user_string()
        assert spec.description, name
        assert spec.owners, name
        assert spec.kinds, name
        assert spec.code_version, name
        if spec.tags.get("layer") in ("raw", "core", "est", "out"):
            assert spec.metadata["dagster/column_schema"].columns, name


def test_automation_when_not_switched_on_then_stopped(built):
    definitions = build(built.settings())
    assert {s.default_status for s in definitions.schedules} == {dg.DefaultScheduleStatus.STOPPED}
    assert {s.default_status for s in definitions.sensors} == {dg.DefaultSensorStatus.STOPPED}


def test_tables_when_built_then_all_but_the_ledger_are_catalogued_and_written(built):
    assert set(built.lake.tables()) == set(catalog.tables())


def test_controls_when_built_then_vintages_side_by_side(built):
    controls = built.lake.read("est_population__quarterly_control")
    assert set(controls["weight_vintage"]) == {"pwt20", "pwt20_corrected", "pwt22", "pwt23", "pwt24"}
    base = controls[(controls["quarter"] == "2019-10") & controls["growth_adjustment"].notna()]
    assert len(base) > 0
    assert base["growth_adjustment"].abs().max() == 0


def test_lag_error_when_pwt20_then_non_uk_population_too_high(built):
    controls = built.lake.read(
        "est_population__quarterly_control", where={"area_code": "K02000001", "birth_group": ["eu", "non_eu"]}
    )
    in_2020 = controls[controls["quarter"].str.startswith("2020")]
    means = in_2020.groupby("weight_vintage")["population_count"].sum() / 4
    excess = means["pwt20"] / means["pwt20_corrected"] - 1
    assert 0 < excess < 0.01


def test_run_when_one_partition_then_only_its_slice_is_written(built):
    versions = built.lake.version("raw_lfs__quarterly_person")
    result = built.run("run", "--select", "core_lfs__quarterly_published_weight", "--partition", "2020-01", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["assets"] == ["core_lfs__quarterly_published_weight"]
    assert built.lake.version("raw_lfs__quarterly_person") == versions


def test_blocking_check_when_it_fails_then_downstream_is_not_built(built):
    """Spoil one control total behind the pipeline's back; the mart and the release must not follow."""
    table = "core_rti__monthly_employees"
    good = built.lake.read(table)
    mart, releases = built.lake.version("out_population__quarterly_birth_group"), built.run("release", "list").output
    raw = built.lake.read("raw_rti__published_cell", where={"layout": "nationality"})
    spoilt = raw["row_label"].str.startswith("March 2018") & raw["column_label"].str.contains("EU")
    sha = raw.loc[spoilt, "sha256"].iloc[0]
    slice_ = built.lake.read("raw_rti__published_cell", where={"sha256": sha})
    hit = slice_["row_label"].str.startswith("March 2018") & slice_["cell_value"].notna()
    first = hit[hit].index[1]
    broken = slice_.copy()
    broken.loc[first, "cell_value"] += 500_000
    built.lake.write("raw_rti__published_cell", broken, {"sha256": sha}, fingerprint="spoilt")
    try:
        result = built.run("run", "--select", f"{table}+", "--from", "2018-10", "--to", "2020-10", "--json")
        account = json.loads(result.stdout)
        assert result.exit_code == 1
        assert any(name.startswith(f"{table}: ") for name in account["checks_failed"])
        assert "est_rti__quarterly_growth" not in account["assets"]
        assert built.lake.version("out_population__quarterly_birth_group") == mart
        assert built.run("release", "list").output == releases
    finally:
        built.lake.write("raw_rti__published_cell", slice_, {"sha256": sha})
        built.lake.write(table, good)
