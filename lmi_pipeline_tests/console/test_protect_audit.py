"""``lmi protect`` and ``lmi audit`` as a reviewer drives them: files in, files and exit codes out."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy.sparse import csr_matrix

from lmi_pipeline.cli import main
from lmi_pipeline_tests.methods.disclosure_tables_of_firms import INDUSTRY_SUMS, firms

SOC = {"1": "all", "2": "all", "11": "1", "12": "1", "21": "2"}
SPEC = {
    "dimensions": {
        "region": {"tree": {"UK": {"England": ["North", "South", "East"], "Wales": [], "Scotland": []}}},
        "industry": {"sums": [{"parent": parent, "children": children} for parent, children in INDUSTRY_SUMS]},
    },
    "contributors": "firms",
    "largest": ["largest_1", "largest_2"],
    "rules": {"minimum_contributors": 3, "p_percent": 10},
}
LINKED = {
    "dimensions": {name: {"total": "all"} for name in ("region", "industry", "size")},
    "rules": {"reliability": {"withhold_below": 220, "flag_below": 2000}},
}


class Desk:
    """A folder with files, and the command line in it."""

    def __init__(self, folder):
        self.folder = folder

    def path(self, name):
        return str(self.folder / name)

    def put(self, name, content):
        if isinstance(content, dict):
            (self.folder / name).write_text(json.dumps(content))
        else:
            content.to_csv(self.folder / name, index=False)
        return self.path(name)

    def get(self, name):
        return pd.read_csv(self.folder / name, dtype=str, keep_default_na=False)

    def run(self, *arguments):
        return CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--json").stdout)


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


@pytest.fixture
def protected(desk):
    """A table with the p % rule, hierarchies in two dimensions and singletons, and what protect made of it."""
    cells = firms(3)
    assert (cells["firms"] == 1).any()
    desk.put("cells.csv", cells)
    desk.put("spec.json", SPEC)
    made = desk.run("protect", desk.path("cells.csv"), "--spec", desk.path("spec.json"), "--out", desk.path("safe.csv"))
    assert made.exit_code == 0, made.stderr
    return desk


def region_tables():
    rng = np.random.default_rng(5)
    cube = np.round(rng.lognormal(4, 1, (4, 4, 3))) + 1
    return [flat(cube.sum(2), "industry"), flat(cube.sum(1), "size")]


def flat(values, column):
    full = np.block([[values, values.sum(1, keepdims=True)], [values.sum(0, keepdims=True), values.sum()]])
    rows = [*(f"r{n}" for n in range(len(values))), "all"]
    columns = [*(f"{column[0]}{n}" for n in range(values.shape[1])), "all"]
    codes = pd.MultiIndex.from_product([rows, columns], names=["region", column]).to_frame(index=False)
    return codes.assign(value=full.ravel())


def hide(table, query):
    """As published: cells of the query withheld."""
    hidden = table.eval(query)
    shown = table["value"].astype(object).where(~hidden, "")
    return table.assign(value=shown, status=np.where(hidden, "withheld", "ok"))


def test_protect_when_run_then_codes_value_and_status_come_out_and_nothing_says_why(protected):
    safe, cells = protected.get("safe.csv"), firms(3)
    assert list(safe.columns) == ["region", "industry", "value", "status"]
    assert set(safe["status"]) == {"ok", "withheld"}
    assert ((safe["value"] == "") == (safe["status"] == "withheld")).all()
    assert list(safe["industry"]) == list(cells["industry"])
    shown = safe["status"] == "ok"
    assert (safe.loc[shown, "value"].astype(float) == cells.loc[shown, "value"]).all()
    assert (cells.loc[shown, "firms"] >= 3).all()


@pytest.mark.parametrize("truth", [(), ("--true", "cells.csv")])
def test_audit_when_of_a_protected_table_then_passed(protected, truth):
    extra = [protected.path(t) if t.endswith("csv") else t for t in truth]
    result = protected.run("audit", protected.path("safe.csv"), "--spec", protected.path("spec.json"), *extra)
    assert result.exit_code == 0, result.output
    assert "passed" in result.stdout
    assert ("cannot" in result.stdout or "nobody can tell" in result.stdout) == (not truth)


def test_audit_when_true_values_are_given_then_every_protected_cell_is_certified(protected):
    arguments = ("audit", protected.path("safe.csv"), "--spec", protected.path("spec.json"))
    found = protected.json(*arguments, "--true", protected.path("cells.csv"))
    assert found["passed"]
    assert found["certified"] == found["protected"] > 3


def test_audit_when_of_the_unprotected_table_then_exit_1_and_the_cells_are_named_with_intervals(protected):
    result = protected.run("audit", protected.path("cells.csv"), "--spec", protected.path("spec.json"))
    assert result.exit_code == 1
    assert "NOT SAFE" in result.stdout
    found = protected.json("audit", protected.path("cells.csv"), "--spec", protected.path("spec.json"))
    cells = firms(3).set_index(["region", "industry"])
    assert found["exposed"]
    for each in found["exposed"]:
        cell = cells.loc[(each["cell"]["region"], each["cell"]["industry"])]
        assert each["low"] <= cell["value"] <= each["high"]
        assert f"region={each['cell']['region']}, industry={each['cell']['industry']}" in result.stdout
    assert any(each["low"] == each["high"] for each in found["exposed"])


def test_audit_when_one_withheld_cell_is_shown_or_one_more_hidden_then_the_verdict_reacts(protected):
    cells, safe = firms(3), protected.get("safe.csv")
    lone = cells.index[(cells["firms"] == 1) & (safe["status"] == "withheld")][0]
    safe.loc[lone, ["value", "status"]] = [str(cells.loc[lone, "value"]), "ok"]
    leak = protected.put("leak.csv", safe)
    found = protected.json("audit", leak, "--spec", protected.path("spec.json"), "--true", protected.path("cells.csv"))
    assert not found["passed"]
    named = [each["cell"] for each in found["exposed"] if each["why"].startswith("published")]
    assert {"region": cells.loc[lone, "region"], "industry": cells.loc[lone, "industry"]} in named


def test_audit_when_only_the_cells_of_the_rules_are_hidden_then_rejected_even_without_true_values(protected):
    cells = firms(3)
    protected.json("protect", protected.path("cells.csv"), "--spec", protected.path("spec.json"), "--out",
                   protected.path("safe.csv"), "--internal", protected.path("why.csv"))  # fmt: skip
    primary = ~protected.get("why.csv")["reason"].isin(["", "complementary"]).to_numpy()
    bare = cells[["region", "industry"]].assign(
        value=cells["value"].astype(object).where(~primary, ""), status=np.where(primary, "withheld", "ok")
    )
    found = protected.json("audit", protected.put("bare.csv", bare), "--spec", protected.path("spec.json"))
    assert not found["passed"]
    assert any(each["why"] == "exact" for each in found["exposed"])


def test_linked_tables_when_each_passes_alone_then_together_they_fail_with_the_cell_named(desk):
    first, second = region_tables()
    desk.put("spec.json", LINKED)
    one = desk.put("one.csv", hide(first, "region in ['r0', 'r1'] and industry in ['i0', 'all']"))
    two = desk.put("two.csv", hide(second, "region in ['r2', 'r3'] and size in ['s0', 's1']"))
    for table in (one, two):
        assert desk.run("audit", table, "--spec", desk.path("spec.json")).exit_code == 0
    found = desk.json("audit", one, two, "--spec", desk.path("spec.json"))
    assert not found["passed"]
    truth = first.set_index(["region", "industry"])["value"]
    exact = {(e["cell"]["region"], e["cell"]["industry"]): e for e in found["exposed"] if e["why"] == "exact"}
    for key in [("r0", "i0"), ("r1", "i0")]:
        assert exact[key]["low"] == pytest.approx(truth[key])
        assert exact[key]["high"] == pytest.approx(truth[key])


def test_linked_tables_when_in_one_file_then_protected_and_audited_together(desk):
    first, second = region_tables()
    both = pd.concat([first.assign(table="one", size=""), second.assign(table="two", industry="")])
    desk.put("both.csv", both)
    spec = desk.put("spec.json", {**LINKED, "table": "table"})
    made = desk.json("protect", desk.path("both.csv"), "--spec", spec, "--out", desk.path("safe.csv"))
    assert made["withheld_by_rule"] > 0
    found = desk.json("audit", desk.path("safe.csv"), "--spec", spec, "--true", desk.path("both.csv"))
    assert found["passed"]
    assert found["tables"] == 2
    status = desk.get("safe.csv")
    shared = [status[status[name] == "all"].set_index("region")["status"] for name in ("industry", "size")]
    assert (shared[0] == shared[1]).all()


def test_linked_tables_when_they_disagree_on_a_shared_cell_then_refused(desk):
    first, second = region_tables()
    second.loc[second.eval("region == 'r0' and size == 'all'"), "value"] += 1
    desk.put("spec.json", LINKED)
    result = desk.run(
        "audit", desk.put("one.csv", first), desk.put("two.csv", second), "--spec", desk.path("spec.json")
    )
    assert result.exit_code == 1
    assert "disagree" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_roll_up_when_two_tables_have_different_levels_then_sums_between_them_are_used(desk):
    spec = desk.put("spec.json", {
        "dimensions": {"region": {"total": "UK"}, "soc": {"parents": SOC}},
        "rules": {"reliability": {"withhold_below": 10, "flag_below": 10}},
    })  # fmt: skip
    fine = pd.DataFrame({"region": "UK", "soc": [11, 12, 21, "all"], "value": [50, 60, 70, 180]})
    rolled = pd.DataFrame({"region": "UK", "soc": [1, 2, "all"], "value": [110, 70, 180]})
    one = desk.put("fine.csv", hide(fine, "soc in [11, 12]"))
    two = desk.put("rolled.csv", hide(rolled, "soc in [1, 2]"))
    assert desk.run("audit", one, "--spec", spec).exit_code == 0
    found = desk.json("audit", one, two, "--spec", spec)
    assert {e["cell"]["soc"] for e in found["exposed"]} == {"1", "2"}


def test_codes_when_they_look_like_integers_then_small_cells_are_still_hidden(desk):
    cells = pd.DataFrame({"soc": ["1111", "1112", "0113", "all"], "n": [4, 40, 50, 94], "value": [4, 40, 50, 94]})
    sums = [{"parent": "all", "children": [1111, 1112, "0113"]}]
    spec = desk.put("spec.json", {"dimensions": {"soc": {"sums": sums}}, "value": "value",
                                  "contributors": "n", "rules": {"minimum_contributors": 10}})  # fmt: skip
    made = desk.run("protect", desk.put("cells.csv", cells), "--spec", spec, "--out", desk.path("safe.csv"))
    assert made.exit_code == 0, made.stderr
    safe = desk.get("safe.csv")
    assert list(safe["soc"]) == ["1111", "1112", "0113", "all"]
    assert safe["value"][0] == ""
    assert (safe["status"] == "withheld").sum() == 2


def test_rounding_when_asked_for_then_after_the_rule_and_auditable(desk):
    values = np.array([[999.6, 1400.2, 30000.0], [2000.4, 5000.0, 40000.0], [60000.0, 70000.0, 80000.0]])
    spec = {
        "dimensions": {"region": {"total": "all"}, "industry": {"total": "all"}},
        "rules": {"reliability": {"withhold_below": 1000, "flag_below": 10000}},
        "rounding_base": 100,
    }
    desk.put("spec.json", spec)
    cells = desk.put("cells.csv", flat(values, "industry"))
    assert desk.run("protect", cells, "--spec", desk.path("spec.json"), "--out", desk.path("safe.csv")).exit_code == 0
    safe = desk.get("safe.csv")
    assert safe.loc[0, "value"] == ""
    assert all(float(v) % 100 == 0 for v in safe["value"] if v)
    for extra in ([], ["--true", cells]):
        result = desk.run("audit", desk.path("safe.csv"), "--spec", desk.path("spec.json"), *extra)
        assert result.exit_code == 0, result.output


def test_markers_when_the_publisher_withheld_a_number_then_it_stays_withheld(desk):
    cells = pd.DataFrame({"region": ["a", "b", "c", "d", "all"], "value": ["x", "50", ":", "70", "180"]})
    markers = {"x": "withheld", ":": "not_applicable"}
    spec = desk.put("spec.json", {"dimensions": {"region": {"total": "all"}}, "markers": markers,
                                  "rules": {"reliability": {"withhold_below": 10, "flag_below": 60}}})  # fmt: skip
    assert (
        desk.run("protect", desk.put("cells.csv", cells), "--spec", spec, "--out", desk.path("safe.csv")).exit_code == 0
    )
    safe = desk.get("safe.csv")
    assert list(safe["status"]) == ["withheld", "small_sample", "not_applicable", "ok", "ok"]
    assert list(safe["value"]) == ["", "50", "", "70", "180"]


@pytest.mark.parametrize(("change", "said"), [
    ({"ruels": {}}, "ruels"),
    ({"rules": {}}, "no rule is named"),
    ({"largest": ["largest_1"]}, "need 2 columns"),
    ({"contributors": "people"}, "'people'"),
    ({"value": "sales"}, "sales"),
    ({"dimensions": {"region": {"total": "UK", "file": "x.csv"}}}, "found ['total', 'file']"),
    ({"dimensions": {"region": {"file": "none.csv"}, "industry": {"total": "all"}}}, "none.csv"),
])  # fmt: skip
def test_spec_when_wrong_then_one_line_that_says_what(protected, change, said):
    spec = protected.put("wrong.json", {**SPEC, **change})
    result = protected.run("protect", protected.path("cells.csv"), "--spec", spec, "--out", protected.path("no.csv"))
    assert result.exit_code == 1
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (protected.folder / "no.csv").exists()


def test_cells_when_they_do_not_add_up_then_refused_by_codes_without_values(protected):
    cells = firms(3)
    cells.loc[cells.eval("region == 'UK' and industry == 'A'"), "value"] += 7
    result = protected.run(
        "protect",
        protected.put("off.csv", cells),
        "--spec",
        protected.path("spec.json"),
        "--out",
        protected.path("no.csv"),
    )
    assert result.exit_code == 1
    assert "industry=A" in result.stderr
    assert not (protected.folder / "no.csv").exists()


def test_true_values_when_they_are_of_another_table_then_refused(protected):
    other = firms(3)
    other["value"] += 1
    result = protected.run("audit", protected.path("safe.csv"), "--spec", protected.path("spec.json"), "--true",
                           protected.put("other.csv", other))  # fmt: skip
    assert result.exit_code == 1
    assert "are not those of --true" in result.stderr


def test_certificates_when_written_then_they_hold_by_one_product(protected):
    made = protected.run("protect", protected.path("cells.csv"), "--spec", protected.path("spec.json"), "--out",
                         protected.path("safe.csv"), "--internal", protected.path("why.npz"))  # fmt: skip
    assert made.exit_code == 0
    with np.load(protected.path("why.npz")) as archive:
        stored = dict(archive)
    size = len(stored["value"])
    parts = [(stored[f"{n}_data"], stored[f"{n}_indices"], stored[f"{n}_indptr"]) for n in ("matrix", "witnesses")]
    matrix, moves = (csr_matrix(p, shape=(len(p[2]) - 1, size)) for p in parts)
    assert np.abs((moves @ matrix.T).toarray()).max() < 1e-6
    assert not moves[:, np.flatnonzero(~stored["hidden"])].nnz
    assert (moves.max(axis=0).toarray().ravel() >= stored["protect_up"] * (1 - 1e-6)).all()


@pytest.mark.parametrize("command", ["protect", "audit"])
def test_help_when_asked_for_then_it_has_an_example(command):
    result = CliRunner().invoke(main, [command, "--help"])
    assert f"lmi {command} " in result.output
