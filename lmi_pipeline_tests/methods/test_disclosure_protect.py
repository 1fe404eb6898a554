"""Protection from rules to certificates, alone and over linked tables; it fails closed."""

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline.errors import DisclosureError, MethodError
from lmi_pipeline.methods.disclosure_audit import attacker_intervals, audit, verify_witnesses
from lmi_pipeline.methods.disclosure_insider import known_to_insiders
from lmi_pipeline.methods.disclosure_lattice import Dimension, build_lattice
from lmi_pipeline.methods.disclosure_linking import equal_links, same_cells
from lmi_pipeline.methods.disclosure_protect import ProtectOptions, protect, system_of
from lmi_pipeline.methods.disclosure_published import infer
from lmi_pipeline.methods.disclosure_rules import combine, contributor_counts, p_percent_rule, reliability_ladder
from lmi_pipeline.methods.disclosure_system import DisclosureSystem
from lmi_pipeline_tests.methods.disclosure_tables_of_firms import INDUSTRY_SUMS, REGION_SUMS, firms

DEMAND, CUBES = ProtectOptions(), ProtectOptions(cube_cells=0)


def firm_table(seed):
    cells = firms(seed)
    dimensions = [Dimension.of("region", REGION_SUMS), Dimension.of("industry", INDUSTRY_SUMS)]
    lattice = build_lattice(dimensions, cells[["region", "industry"]], cells["value"])
    largest = cells[["largest_1", "largest_2"]]
    findings = [contributor_counts(cells["firms"], minimum=3), p_percent_rule(cells["value"], largest, p=10)]
    return lattice, combine(cells["value"], findings), (cells["firms"] == 1).to_numpy()


def square(values, names=("row", "column")):
    """A table of rows and columns with totals in both."""
    inner = np.asarray(values, float)
    full = np.block([[inner, inner.sum(1, keepdims=True)], [inner.sum(0, keepdims=True), inner.sum()]])
    codes = [[*(f"{name[0]}{n}" for n in range(size)), "all"] for name, size in zip(names, inner.shape, strict=True)]
    dimensions = [Dimension.of(n, [("all", c[:-1])]) for n, c in zip(names, codes, strict=True)]
    cells = pd.MultiIndex.from_product(codes, names=names).to_frame(index=False)
    return build_lattice(dimensions, cells, full.ravel())


def ladder(lattice, below):
    value = lattice.value
    return combine(value, [reliability_ladder(value, withhold_below=below, flag_below=10 * below)])


@pytest.mark.parametrize("options", [DEMAND, CUBES], ids=["demand", "cubes"])
@pytest.mark.parametrize("seed", range(6))
def test_protect_when_hierarchies_and_singletons_then_no_attacker_comes_closer_than_the_protection(seed, options):
    lattice, primary, singleton = firm_table(seed)
    assert primary.withheld.sum() >= 3
    assert singleton.any()
    decision = protect(lattice, primary, rng=np.random.default_rng(1), singleton=singleton, options=options)
    assert (decision.hidden >= primary.withheld).all()
    low, high = attacker_intervals(decision.system, np.arange(len(lattice.value)))
    assert (low <= lattice.value - decision.protect_down * (1 - 1e-6) + 1e-6).all()
    assert (high >= lattice.value + decision.protect_up * (1 - 1e-6) - 1e-6).all()
    insider = known_to_insiders(decision.system, singleton & decision.hidden, rng=np.random.default_rng(9))
    assert not insider.any()


def test_protect_when_passed_then_certificates_verify_with_one_product():
    lattice, primary, singleton = firm_table(1)
    decision = protect(lattice, primary, rng=np.random.default_rng(1), singleton=singleton)
    down, up = verify_witnesses(decision.system, decision.audit.witnesses)
    assert (down >= decision.protect_down * (1 - 1e-6)).all()
    assert (up >= decision.protect_up * (1 - 1e-6)).all()


def test_protect_when_rules_withhold_nothing_then_nothing_is_hidden_and_flags_stay():
    lattice = square([[2000, 30000], [40000, 50000]])
    decision = protect(lattice, ladder(lattice, 1000), rng=np.random.default_rng(1))
    assert not decision.hidden.any()
    assert sorted(decision.status) == ["ok"] * 8 + ["small_sample"]


def test_protect_when_cells_are_added_then_flagged_cells_among_them_are_withheld_and_reasons_stay_inside():
    lattice = square([[500, 2000, 90000], [3000, 4000, 80000], [70000, 60000, 95000]])
    decision = protect(lattice, ladder(lattice, 1000), rng=np.random.default_rng(1))
    withheld = decision.status == "withheld"
    assert withheld.sum() == 4
    assert sorted(decision.reason[withheld]) == ["complementary"] * 3 + ["reliability"]
    assert (decision.reason[~withheld] == "").all()
    assert set(decision.status) == {"ok", "withheld"}


def test_protect_when_everything_else_is_fixed_then_refused_naming_the_cell_and_no_value():
    lattice = square([[517, 2000], [3000, 4000]])
    primary = ladder(lattice, 1000)
    with pytest.raises(DisclosureError, match="row=r0, column=c0") as error:
        protect(lattice, primary, rng=np.random.default_rng(1), fixed=~primary.withheld)
    assert "517" not in str(error.value)
    assert "1 cells" in str(error.value)


def test_protect_when_a_line_has_one_cell_that_is_not_zero_then_its_total_is_withheld_too():
    lattice = square([[5, 0, 0], [40, 50, 60], [70, 80, 90]])
    decision = protect(lattice, ladder(lattice, 10), rng=np.random.default_rng(1))
    total = lattice.labels(np.arange(16)).eval("row == 'r0' and column == 'all'").to_numpy()
    assert decision.hidden[total].all()
    assert (decision.status[lattice.value == 0] == "ok").all()
    assert decision.audit.passed


def test_protect_when_seeded_alike_then_the_same():
    lattice, primary, singleton = firm_table(2)
    made = [protect(lattice, primary, rng=np.random.default_rng(5), singleton=singleton) for _ in range(2)]
    assert (made[0].hidden == made[1].hidden).all()


def test_protect_when_rules_speak_of_another_table_then_refused():
    lattice = square([[5, 6], [7, 8]])
    with pytest.raises(MethodError, match="the rules speak of 4 cells"):
        protect(lattice, ladder(lattice, 10).take(np.arange(4)), rng=np.random.default_rng(1))


def linked():
    """Region x industry and region x size: the totals of each region are in both."""
    rng = np.random.default_rng(5)
    cube = np.round(rng.lognormal(4, 1, (4, 4, 3))) + 1
    first, second = square(cube.sum(2), ("region", "industry")), square(cube.sum(1), ("region", "size"))
    shared = [lattice.labels(np.arange(len(lattice.value))) for lattice in (first, second)]
    one = np.flatnonzero(shared[0]["industry"] == "all")
    two = np.flatnonzero(shared[1]["size"] == "all") + len(first.value)
    return [first, second], equal_links(one, two)


def test_linked_tables_when_each_is_safe_alone_then_the_joint_audit_names_the_cell_that_is_exact():
    tables, links = linked()
    value = np.concatenate([table.value for table in tables])
    codes = pd.concat([table.labels(np.arange(len(table.value))) for table in tables], ignore_index=True)
    hidden = np.zeros(len(value), dtype=bool)
    # the first table hides a square with both totals, the second shows these totals
    hidden[codes.eval("region in ['r0', 'r1'] and industry in ['i0', 'all']")] = True
    secret = codes.eval("region == 'r0' and industry == 'i0'").to_numpy()
    need = np.where(secret, 1.0, 0.0)
    alone = DisclosureSystem.of_equations(
        tables[0].matrix, tables[0].value, hidden[:25], protect_down=need[:25], protect_up=need[:25]
    )
    assert audit(alone, rng=np.random.default_rng(1)).passed
    primary = combine(value, [contributor_counts(np.where(secret, 1, 50), minimum=3)], share=0.0)
    joint = audit(system_of(tables, primary, hidden, links=links), rng=np.random.default_rng(1))
    assert not joint.passed
    assert joint.exposed[secret].all()


@pytest.mark.parametrize("options", [DEMAND, CUBES], ids=["demand", "cubes"])
def test_linked_tables_when_protected_together_then_shared_cells_agree_and_all_is_certified(options):
    tables, links = linked()
    value = np.concatenate([table.value for table in tables])
    primary = combine(value, [reliability_ladder(value, withhold_below=220, flag_below=2000)])
    decision = protect(tables, primary, links=links, rng=np.random.default_rng(1), options=options)
    group = same_cells(links, len(value))
    for cells in np.split(np.argsort(group, kind="stable"), np.flatnonzero(np.diff(np.sort(group))) + 1):
        assert len(set(decision.status[cells])) == 1
    assert decision.audit.passed
    low, high = attacker_intervals(decision.system, np.flatnonzero(primary.withheld))
    assert (high - low >= 1).all()


def test_insider_when_two_singletons_are_alone_on_a_line_then_each_knows_the_other():
    lattice = square([[5, 6, 70], [40, 50, 60], [70, 80, 90]])
    codes = lattice.labels(np.arange(16))
    hidden = codes.eval("row in ['r0', 'r1'] and column in ['c0', 'c1']").to_numpy()
    system = DisclosureSystem.of_equations(
        lattice.matrix, lattice.value, hidden, protect_down=hidden * 1.0, protect_up=hidden * 1.0
    )
    alone = codes.eval("row == 'r0' and column == 'c0'").to_numpy()
    assert audit(system, rng=np.random.default_rng(1)).passed
    told = known_to_insiders(system, alone, rng=np.random.default_rng(1))
    assert (told == (hidden & ~alone)).all()


def test_inference_when_nothing_but_the_publication_is_given_then_intervals_are_those_of_the_attacker():
    lattice, primary, _ = firm_table(3)
    decision = protect(lattice, primary, rng=np.random.default_rng(1))
    seen = infer(lattice, np.where(decision.hidden, np.nan, lattice.value), rng=np.random.default_rng(1))
    cells = np.flatnonzero(decision.hidden)
    low, high = attacker_intervals(decision.system, cells)
    assert not seen.exact.any()
    np.testing.assert_allclose(seen.low[cells], low, atol=1e-5)
    np.testing.assert_allclose(seen.high[cells], high, atol=1e-5)


def test_inference_when_one_cell_is_hidden_then_exact():
    lattice = square([[5, 6], [7, 8]])
    shown = lattice.value.copy()
    shown[0] = np.nan
    seen = infer(lattice, shown, rng=np.random.default_rng(1))
    assert seen.exact[0]
    assert (seen.low[0], seen.high[0]) == (pytest.approx(5), pytest.approx(5))


def test_inference_when_published_cells_do_not_add_up_then_refused():
    lattice = square([[5, 6], [7, 8]])
    shown = lattice.value.copy()
    shown[0] += 3
    with pytest.raises(MethodError, match="do not fit together"):
        infer(lattice, shown, rng=np.random.default_rng(1))
