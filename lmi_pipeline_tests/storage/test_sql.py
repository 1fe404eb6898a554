"""SQL models: read from their files, run over the lake on what they name only, and right at the edges."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.errors import SchemaError
from lmi_pipeline.methods.disclosure_rules import STATUSES, reliability_ladder
from lmi_pipeline.storage.lake import Lake
from lmi_pipeline.storage.sql import column_lineage, load_models, load_tests, parse, run_model, run_test

SQL = Path(__file__).parents[2] / "dbt_like_sql"
PERSON, WEIGHT = "core_lfs__quarterly_person", "core_lfs__quarterly_published_weight"
STOCK, CONTROL = "est_population__quarterly_stock", "est_population__quarterly_control"
DECISION = "est_population__quarterly_lattice_decision"
MART = "out_population__quarterly_birth_group"
UK, LONDON, WALES = catalog.UNITED_KINGDOM, "E12000007", "W92000004"
MARKED = "MARKED-RECORD"


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


@pytest.fixture
def model(tmp_path):
    """Write one SQL model of a layer and parse it."""

    def written(text, name=STOCK):
        path = tmp_path / "models" / name.split("_")[0] / f"{name}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return parse(path)

    return written


def persons(areas, groups, *, quarter="2020-01", synthetic="true"):
    frame = pd.DataFrame(
        {
            "quarter": quarter, "person_id": [f"p{n}" for n in range(len(areas))], "household_id": "h", "wave": 1,
            "age_years": 30, "sex": "male", "region_gss": areas, "birth_group": groups,
            "nationality_group": "uk", "synthetic": synthetic,
        }
    )  # fmt: skip
    table = catalog.table(PERSON)
    for name in table.nullable:
        frame[name] = pd.Series(None, index=frame.index, dtype="object")
    return frame[list(table.columns)]


def weights(values, *, edition="lfsp_jm20_eul_pwt18", quarter="2020-01", synthetic="true"):
    return pd.DataFrame(
        {
            "quarter": quarter, "person_id": [f"p{n}" for n in range(len(values))], "edition": edition,
            "analysis_weight": values, "analysis_weight_year": 18, "earnings_weight": np.nan,
            "earnings_weight_year": pd.Series(None, index=range(len(values)), dtype="object"), "sha256": "0" * 64,
            "synthetic": synthetic,
        }
    )  # fmt: skip


def controls(populations, previous, *, vintage="pwt22"):
    quarters = [f"{2022 + n // 4}-{1 + 3 * (n % 4):02d}" for n in range(len(populations))]
    return pd.DataFrame(
        {
            "weight_vintage": vintage, "quarter": quarters, "area_code": UK, "birth_group": "eu",
            "population_count": populations, "previous_year_count": previous, "growth_rate": 0.01,
            "base_growth_rate": 0.01, "growth_adjustment": 0.0, "rti_growth_rate": 0.01, "rti_release": "2023-03",
            "month_lag": 0, "synthetic": "true",
        }
    )  # fmt: skip


def decide(lake, frame):
    """Write controls, and what the gate decided on them: each by its own size."""
    first = frame.drop_duplicates(["quarter", "area_code", "birth_group"])
    found = reliability_ladder(first["population_count"].to_numpy(), withhold_below=1000, flag_below=10000)
    decision = first[["quarter", "area_code", "birth_group"]].assign(
        status=np.array(STATUSES)[found.severity], withheld_reason=None, protect_down=0.0, protect_up=0.0,
        audit_id="audit", synthetic="true",
    )  # fmt: skip
    lake.write(DECISION, decision)
    return lake.write(CONTROL, frame)


def project_model(name):
    return load_models(SQL / "models")[name]


def project_test(rule, table=None):
    return next(t for t in load_tests(SQL / "tests") if t.rule == rule and table in (None, t.table))


class TestStock:
    def test_when_two_areas_then_sums_of_areas_groups_and_uk(self, lake):
        lake.write(PERSON, persons([LONDON, LONDON, WALES, WALES], ["uk", "eu", "uk", "not_stated"]))
        lake.write(WEIGHT, weights([100.0, 50.0, 30.0, 7.0]))
        found = run_model(project_model(STOCK), lake)
        assert list(found.columns) == list(catalog.table(STOCK).columns)
        counts = found.set_index(["area_code", "birth_group"])[["population_count", "respondent_count"]]
        assert counts.T.to_dict("list") == {
            (LONDON, "uk"): [100, 1], (LONDON, "eu"): [50, 1], (LONDON, "total"): [150, 2],
            (WALES, "uk"): [30, 1], (WALES, "not_stated"): [7, 1], (WALES, "total"): [37, 2],
            (UK, "uk"): [130, 2], (UK, "eu"): [50, 1], (UK, "not_stated"): [7, 1], (UK, "total"): [187, 4],
        }  # fmt: skip

    def test_when_weight_is_zero_then_not_a_respondent(self, lake):
        lake.write(PERSON, persons([LONDON, LONDON], ["uk", "uk"]))
        lake.write(WEIGHT, weights([100.0, 0.0]))
        assert set(run_model(project_model(STOCK), lake)["respondent_count"]) == {1}

    def test_when_two_editions_then_side_by_side(self, lake):
        lake.write(PERSON, persons([LONDON], ["uk"]))
        lake.write(WEIGHT, pd.concat([weights([100.0]), weights([120.0], edition="lfsp_jm20_eul_pwt22")]))
        found = run_model(project_model(STOCK), lake).query("area_code == @UK and birth_group == 'total'")
        assert found["population_count"].tolist() == [100.0, 120.0]

    @pytest.mark.parametrize(
        ("person", "weight", "expected"),
        [
            (["true", "true"], ["true", "true"], "true"),
            (["false", "false"], ["false", "false"], "false"),
            (["true", "false"], ["true", "false"], "mixed"),
            (["true", "true"], ["false", "false"], "mixed"),
        ],
    )
    def test_synthetic_then_combined(self, lake, person, weight, expected):
        lake.write(PERSON, persons([LONDON, LONDON], ["uk", "uk"], synthetic=person))
        lake.write(WEIGHT, weights([1.0, 1.0], synthetic=weight))
        assert set(run_model(project_model(STOCK), lake)["synthetic"]) == {expected}

    def test_every_weight_has_a_person_when_one_has_not_then_counted(self, lake):
        lake.write(PERSON, persons([LONDON], ["uk"]))
        lake.write(WEIGHT, weights([100.0, 50.0, 0.0]))
        assert run_test(project_test("every_weight_has_a_person"), lake) == 1

    def test_run_twice_then_the_same_to_the_last_bit(self, lake):
        draw = np.random.default_rng(1)
        size = 200_000
        frame = persons(draw.choice([LONDON, WALES], size), draw.choice(["uk", "eu", "non_eu"], size))
        issued = weights(draw.uniform(50, 900, size))
        first, *others = (
            run_model(project_model(STOCK), lake, replace={PERSON: frame, WEIGHT: issued}) for _ in range(3)
        )
        for other in others:
            pd.testing.assert_frame_equal(first, other, check_exact=True)


class TestMart:
    @pytest.fixture
    def edges(self, lake):
        decide(lake, controls([999.99, 1000.0, 9999.99, 10000.0, 3.6e6], [2.0e3] * 5))
        return run_model(project_model(MART), lake)

    def test_status_then_decided_on_unrounded_values(self, edges):
        assert edges["status"].tolist() == ["withheld", "small_sample", "small_sample", "ok", "ok"]

    def test_numbers_then_rounded_and_null_where_withheld(self, edges):
        assert edges["population_count"].tolist()[1:] == [1000.0, 10000.0, 10000.0, 3.6e6]
        assert edges.loc[0, ["population_count", "yearly_change_count"]].isna().all()
        assert edges["area_name"].eq("United Kingdom").all()
        assert edges["is_modelled"].all()

    @pytest.mark.parametrize(
        ("previous", "change"),
        [(3.5e6, 100000.0), (3.6e6 + 300, 0.0), (999.0, None), (np.nan, None), (1000.0, 3.599e6)],
    )
    def test_yearly_change_then_rounded_and_only_from_a_published_year(self, lake, previous, change):
        decide(lake, controls([3.6e6], [previous]))
        found = run_model(project_model(MART), lake)["yearly_change_count"][0]
        assert pd.isna(found) if change is None else found == change
        assert pd.isna(found) or not np.signbit(found)

    def test_sql_tests_when_table_is_right_then_none_fails(self, lake, edges):
        lake.write(MART, edges)
        failing = {t.rule: run_test(t, lake) for t in load_tests(SQL / "tests") if t.table == MART}
        assert failing == dict.fromkeys(failing, 0)
        assert len(failing) >= 4

    @pytest.mark.parametrize(
        ("rule", "row", "change"),
        [
            ("withheld_has_no_number", 0, {"population_count": 0.0}),
            ("withheld_has_no_number", 0, {"yearly_change_count": 1000.0}),
            ("withheld_has_no_number", 4, {"population_count": None}),
            ("withheld_has_no_number", 1, {"population_count": 900.0}),
            ("ladder_is_right_at_its_edges", 0, {"status": "small_sample"}),
            ("ladder_is_right_at_its_edges", 1, {"status": "withheld"}),
            ("ladder_is_right_at_its_edges", 1, {"status": "ok"}),
            ("ladder_is_right_at_its_edges", 3, {"status": "small_sample"}),
            ("ladder_is_right_at_its_edges", 4, {"status": "not_applicable"}),
            ("numbers_are_rounded", 4, {"population_count": 3600001.0}),
            ("numbers_are_rounded", 4, {"yearly_change_count": -1.0}),
            ("every_area_has_a_name", 4, {"area_name": None}),
        ],
    )
    def test_sql_test_when_a_row_is_wrong_then_counted(self, lake, edges, rule, row, change):
        edges.loc[row, list(change)] = list(change.values())
        assert run_test(project_test(rule, MART), lake, replace={MART: edges}) == 1

    @pytest.mark.parametrize("rows", [slice(1, None), slice(None, -1)])
    def test_ladder_when_a_row_is_not_published_then_counted(self, lake, edges, rows):
        assert run_test(project_test("ladder_is_right_at_its_edges"), lake, replace={MART: edges[rows]}) == 1

    def test_ladder_when_a_row_has_no_estimate_behind_it_then_counted(self, lake, edges):
        more = pd.concat([edges, edges.tail(1).assign(quarter="2031-01")])
        assert run_test(project_test("ladder_is_right_at_its_edges"), lake, replace={MART: more}) == 1

    def test_base_quarter_then_an_input_and_not_published(self, lake):
        rows = controls([3.6e6, 3.7e6], [3.5e6] * 2).assign(weight_vintage="pwt20", quarter=["2019-10", "2020-01"])
        decide(lake, rows)
        found = run_model(project_model(MART), lake)
        assert found["quarter"].tolist() == ["2020-01"]
        assert run_test(project_test("ladder_is_right_at_its_edges"), lake, replace={MART: found}) == 0

    def test_earlier_version_then_earlier_rows(self, lake):
        first = decide(lake, controls([3.6e6], [3.5e6]))
        decide(lake, controls([9.9e6], [3.5e6]))
        found = run_model(project_model(MART), lake, versions={CONTROL: first})
        assert found["population_count"].tolist() == [3.6e6]


class TestLineage:
    def test_mart_then_columns_behind_each(self):
        found = column_lineage(project_model(MART))
        assert list(found) == list(catalog.table(MART).columns)
        assert found["yearly_change_count"] == [
            f"{CONTROL}.population_count", f"{CONTROL}.previous_year_count", f"{DECISION}.status",
        ]  # fmt: skip
        assert found["status"] == [f"{DECISION}.status"]
        assert found["is_modelled"] == []

    def test_stock_then_through_the_subquery(self):
        found = column_lineage(project_model(STOCK))
        assert found["population_count"] == [f"{WEIGHT}.analysis_weight"]
        assert found["synthetic"] == [f"{PERSON}.synthetic", f"{WEIGHT}.synthetic"]

    def test_when_a_catalogued_column_is_not_made_then_error_names_it(self, model):
        with pytest.raises(SchemaError, match="no lineage of column 'edition'"):
            column_lineage(model(f"select quarter from {{{{ ref('{PERSON}') }}}}"))


class TestFiles:
    def test_order_then_after_what_they_read(self, tmp_path, model):
        model(f"select 1 from {{{{ ref('{STOCK}') }}}}", CONTROL)
        model("select 1", STOCK)
        assert list(load_models(tmp_path / "models")) == [STOCK, CONTROL]

    def test_when_name_not_catalogued_then_error(self, tmp_path):
        (tmp_path / "est_population__nothing.sql").write_text("select 1", encoding="utf-8")
        with pytest.raises(SchemaError, match="no table 'est_population__nothing'"):
            load_models(tmp_path)

    def test_when_circle_then_error_names_it(self, tmp_path, model):
        model(f"select 1 from {{{{ ref('{STOCK}') }}}}", CONTROL)
        model(f"select 1 from {{{{ ref('{CONTROL}') }}}}", STOCK)
        with pytest.raises(SchemaError, match="in a circle"):
            load_models(tmp_path / "models")

    def test_when_in_another_layers_folder_then_error(self, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / f"{STOCK}.sql").write_text("select 1", encoding="utf-8")
        with pytest.raises(SchemaError, match="belongs in the folder 'est'"):
            load_models(tmp_path)

    def test_when_the_same_model_twice_then_error(self, tmp_path, model):
        model("select 1")
        (tmp_path / "models" / "est" / "more").mkdir()
        (tmp_path / "models" / "est" / "more" / f"{STOCK}.sql").write_text("select 1", encoding="utf-8")
        with pytest.raises(SchemaError, match=r"stands twice|belongs in the folder"):
            load_models(tmp_path / "models")

    def test_when_it_reads_raw_then_error(self, tmp_path, model):
        model("select 1 from {{ ref('raw_rti__published_cell') }}")
        with pytest.raises(SchemaError, match="reads raw_rti__published_cell"):
            load_models(tmp_path / "models")

    def test_parse_when_template_names_things_then_filled_in_and_noted(self, model):
        made = model(
            f"""select '{{{{ total("birth") }}}}', {{{{ param("reliability.flag_below") }}}}
            from {{{{ hierarchy("birth") }}}} join {{{{ ref("{DECISION}") }}}}
            using ({{{{ key_of("{DECISION}") | join(", ") }}}})"""
        )
        assert "using (quarter, area_code, birth_group)" in made.sql
        assert "10000" in made.sql
        assert (made.refs, made.hierarchies, made.thresholds) == ((DECISION,), ("birth",), ("reliability",))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("select 1 from {{ ref('est_nothing__here') }}", "no table 'est_nothing__here'"),
            ("select 1 from {{ codelist('nothing') }}", "no code list 'nothing'"),
            ("select {{ param('reliability.nothing') }}", "no 'nothing' in catalog/thresholds.yml"),
            ("select {{ param('reliability.source') }}", "is not a number"),
            ("select {{ param('reliability') }}", "is not a number"),
            ("select {{ table('x') }}", "'table' is undefined"),
            ("select {{ ref(", "est_population__quarterly_stock.sql: unexpected"),
        ],
    )
    def test_when_template_is_wrong_then_error_names_file(self, model, text, message):
        with pytest.raises(SchemaError, match=message) as raised:
            model(text)
        assert f"{STOCK}.sql" in str(raised.value)

    def test_tests_when_not_named_after_a_table_then_error(self, tmp_path):
        (tmp_path / "nothing__rule.sql").write_text("select 1", encoding="utf-8")
        with pytest.raises(SchemaError, match=r"is not named <table>__<rule>\.sql"):
            load_tests(tmp_path)


class TestIsolation:
    @pytest.mark.parametrize(
        "text",
        [
            "select * from hidden",
            f"select * from {PERSON}",
            "select * from '{file}'",
            "select * from read_csv('{file}')",
        ],
    )
    def test_when_sql_reads_what_it_does_not_name_then_error(self, lake, model, tmp_path, text):
        hidden = pd.DataFrame({"a": [1]})
        (tmp_path / "x.csv").write_text(f"a\n{len(hidden)}\n", encoding="utf-8")
        with pytest.raises(SchemaError, match=STOCK):
            run_model(model(text.replace("{file}", str(tmp_path / "x.csv"))), lake)

    def test_when_a_cast_fails_then_error_without_the_value(self, lake, model):
        lake.write(PERSON, persons([LONDON], ["uk"]).assign(person_id=MARKED))
        faulty = model(f"select cast(person_id as integer) as quarter from {{{{ ref('{PERSON}') }}}}")
        with pytest.raises(SchemaError, match="ConversionException on the rows of") as raised:
            run_model(faulty, lake)
        assert MARKED not in str(raised.value)
        assert raised.value.__cause__ is None
