"""Growth of quarters a release does not reach."""

import pandas as pd
import pytest

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.growth_releases import roll_forward

BASE = "2019-10"


def growth(rates):
    rows = [(release, quarter, "K02000001", "eu", rate) for (release, quarter), rate in rates.items()]
    return pd.DataFrame(rows, columns=["release", "quarter", "area_code", "nationality_group", "growth_rate"])


RATES = {
    ("2021-03", BASE): 0.020, ("2021-03", "2020-01"): 0.010,
    ("2022-06", BASE): 0.030, ("2022-06", "2020-01"): 0.025, ("2022-06", "2020-04"): 0.005,
    ("2023-03", BASE): 0.040, ("2023-03", "2020-04"): 0.050, ("2023-03", "2020-07"): -0.01,
    ("2020-01", BASE): 0.5,
}  # fmt: skip


def test_the_change_since_the_base_quarter_is_that_of_one_release():
    rolled = roll_forward(growth(RATES), "2021-03", BASE)
    rate = rolled.frame.set_index("quarter")["growth_rate"]
    assert rolled.release_of == {BASE: "2021-03", "2020-01": "2021-03", "2020-04": "2022-06", "2020-07": "2023-03"}
    assert rate["2020-01"] == 0.010
    assert rate["2020-04"] - rate[BASE] == pytest.approx(0.005 - 0.030)
    assert rate["2020-07"] - rate[BASE] == pytest.approx(-0.01 - 0.040)


def test_a_release_that_is_not_there_is_named():
    with pytest.raises(MethodError, match="no release 2024-01"):
        roll_forward(growth(RATES), "2024-01", BASE)


def test_a_later_release_needs_the_base_quarter():
    with pytest.raises(MethodError, match="release 2025-01 has no growth for the base quarter"):
        roll_forward(growth(RATES | {("2025-01", "2024-10"): 0.1}), "2021-03", BASE)
