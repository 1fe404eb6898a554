"""Factors between years, from published means."""

import pytest

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.deflator import deflator


def test_factors_are_ratios_of_published_means() -> None:
    found = deflator({2019: 30_000.0, 2020: 31_500.0, 2021: 31_447.0}, [2019, 2020], year=2020)
    assert found == {2019: pytest.approx(1.05), 2020: 1.0}


@pytest.mark.parametrize(
    ("means", "message"),
    [({2020: 600.0}, "no published mean of all employees for 2019"), ({2019: 0.0, 2020: 1.0}, "mean of 2019 is not")],
)
def test_a_missing_or_impossible_mean_is_named(means: dict[int, float], message: str) -> None:
    with pytest.raises(MethodError, match=message):
        deflator(means, [2019], year=2020)
