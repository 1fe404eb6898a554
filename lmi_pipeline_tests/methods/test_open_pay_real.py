"""Open pay on the publisher's own tables of ASHE: 2021 in SOC 2010 and 2024 in SOC 2020."""

import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.methods.open_pay import estimate_open_pay, leave_out_coverage
from lmi_pipeline.sources.ashe import READER
from lmi_pipeline.sources.base import VaultFile, stamp
from lmi_pipeline.storage.frames import conform

RAW, CORE = "raw_ashe__published_cell", "core_ashe__yearly_published"
FILES = (
    "SOC10 (4) Table 14.1a   Weekly pay - Gross 2021.xls",
    "SOC10 (4) Table 14.6a   Hourly pay - Excluding overtime 2021.xls",
    "SOC10 (4) Table 14.7a   Annual pay - Gross 2021.xls",
    "SOC10 (4) Table 14.7b   Annual pay - Gross 2021 CV.xls",
    "SOC10 (4) Table 14.9a   Paid hours worked - Total 2021.xls",
    "SOC20 (4) Table 14.1a   Weekly pay - Gross 2024.xlsx",
    "SOC20 (4) Table 14.6a   Hourly pay - Excluding overtime 2024.xlsx",
    "SOC20 (4) Table 14.6b   Hourly pay - Excluding overtime 2024 CV.xlsx",
    "SOC20 (4) Table 14.7a   Annual pay - Gross 2024.xlsx",
    "SOC20 (4) Table 14.7b   Annual pay - Gross 2024 CV.xlsx",
    "SOC20 (4) Table 14.9a   Paid hours worked - Total 2024.xlsx",
)
TABLES = {"weekly": "14.1", "hourly": "14.6", "annual": "14.7"}
CASES = [
    (2021, "weekly", 369, 10),
    (2021, "hourly", 369, 7),
    (2021, "annual", 369, 18),
    (2024, "weekly", 412, 12),
    (2024, "hourly", 412, 6),
    (2024, "annual", 412, 23),
]


@pytest.fixture(scope="module")
def unit_groups(real_data) -> pd.DataFrame:
    """Statistics of unit groups, both sexes and all working patterns."""
    parts = []
    for name in FILES:
        path = real_data / "ashe" / f"PROV - Occupation {name}"
        identity = READER.identify(path)
        frame = READER.read(path, identity).frame
        everyone = frame[frame["sheet"] == "All"]
        parts.append(stamp(everyone, VaultFile(path, identity, path.name, path.name, "false")))
    core = READER.tidy[CORE](conform(pd.concat(parts, ignore_index=True), catalog.table(RAW)))
    return core[core["occupation_code"].str.len() == 4]


def _cells(unit_groups: pd.DataFrame, year: int, basis: str) -> pd.DataFrame:
    """Cells of a basis with hours, and with the median and other pay of the same jobs."""
    rows = unit_groups[unit_groups["year"] == year]
    own = rows[rows["ashe_table"] == TABLES[basis]]
    cells = own.pivot(index="occupation_code", columns="statistic", values="value")[["mean", "median", "job_count"]]
    means = rows[rows["statistic"] == "mean"]
    quality = means[means["ashe_table"] == TABLES[basis]].set_index("occupation_code")[["cv_percent", "quality_band"]]
    others = means.pivot(index="occupation_code", columns="ashe_table", values="value")
    others = others.rename(columns={"14.9": "hours"} | {table: name for name, table in TABLES.items()})
    errors = means.pivot(index="occupation_code", columns="ashe_table", values="cv_percent")
    errors = errors.rename(columns={table: f"{name}_cv_percent" for name, table in TABLES.items()})
    medians = own[own["statistic"] == "median"].set_index("occupation_code")["cv_percent"].rename("median_cv_percent")
    errors = errors[[f"{name}_cv_percent" for name in TABLES if name != basis]].join(medians)
    cells = cells.join(quality).join(others.drop(columns=basis)).join(errors)
    return cells.rename_axis("occupation").reset_index()


def _same_sample(basis: str) -> list[str]:
    return ["median", *(name for name in TABLES if name != basis)]


@pytest.mark.parametrize(("year", "basis", "groups", "suppressed"), CASES)
def test_every_unit_group_has_an_estimate_with_an_interval(unit_groups, year, basis, groups, suppressed) -> None:
    cells = _cells(unit_groups, year, basis)
    frame = estimate_open_pay(cells, covariates=["hours"], same_sample=_same_sample(basis)).frame
    assert len(frame) == groups
    assert int((~frame["is_published"]).sum()) == suppressed
    assert ((frame["lower"] > 0) & (frame["lower"] < frame["estimate"]) & (frame["estimate"] < frame["upper"])).all()
    published, hidden = frame[frame["is_published"]], frame[~frame["is_published"]]
    assert (published["estimate"] / published["published_mean"]).between(0.6, 1.6).all()
    assert (published["estimate"] / published["published_mean"] - 1).abs().median() < 0.02
    assert hidden["estimate"].between(published["published_mean"].min(), published["published_mean"].max()).all()
    assert (hidden["upper"] / hidden["lower"]).between(1.05, 2.5).all()


def test_a_wild_mean_is_read_from_the_median_and_pay_of_its_own_jobs(unit_groups) -> None:
    """Chief executives, annual pay 2024: the mean is x (CV 29), the median 81,776 (CV 6.9), weekly pay 2,054.9."""
    cells = _cells(unit_groups, 2024, "annual")
    frame = estimate_open_pay(cells, covariates=["hours"], same_sample=_same_sample("annual")).frame
    chief = frame.set_index("occupation").loc["1111"]
    assert 81_776 < chief["estimate"] < 1.1 * 52 * 2_054.9
    assert chief["upper"] > 52 * 2_054.9 * 0.9


@pytest.mark.parametrize(("year", "basis"), [case[:2] for case in CASES])
def test_published_means_left_out_at_random_lie_in_their_intervals(unit_groups, year, basis) -> None:
    """A fifth of the published means, with the medians and other pay of their rows, hidden ten times."""
    cells = _cells(unit_groups, year, basis)
    report = leave_out_coverage(cells, share=0.2, covariates=["hours"], same_sample=_same_sample(basis))
    overall = report[report["band"] == -1]
    inside = overall["inside_count"].sum() / overall["held_out_count"].sum()
    width = overall["median_width"].median()
    print(f"{year} {basis}: {inside:.3f} of {overall['held_out_count'].sum()} inside, upper / lower - 1 {width:.2f}")
    assert len(overall) == 10
    assert 0.75 <= inside <= 0.85
