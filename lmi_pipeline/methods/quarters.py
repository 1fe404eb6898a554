"""Quarter keys: ``2020-01`` is January to March 2020.

A key is the first month of three. The twelve rolling three-month periods of a year have keys as well
(``2020-02`` is February to April); the four that start in January, April, July and October are the calendar
quarters. Months are written the same way. Every function takes and gives text; the plural ones map a Series.
"""

import re
from collections.abc import Callable, Hashable

import pandas as pd

from lmi_pipeline.errors import MethodError

MONTHS_IN_QUARTER = 3
QUARTERS_IN_YEAR = 4
MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_MONTHS_IN_YEAR = len(MONTH_NAMES)
_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)
_LABEL = re.compile(r"([A-Z][a-z]{2})-([A-Z][a-z]{2}) (\d{4})", re.ASCII)


def month_number(month: str) -> int:
    """Months since January of year 0, so that differences count months."""
    match = _MONTH.fullmatch(month)
    if match is None:
        raise MethodError(f"'{month}' is not a month or quarter key; expected YYYY-MM, such as 2020-01")
    return int(match[1]) * _MONTHS_IN_YEAR + int(match[2]) - 1


def month_key(number: int) -> str:
    """Month key of a month number: the inverse of `month_number`."""
    year, month = divmod(number, _MONTHS_IN_YEAR)
    return f"{year:04d}-{month + 1:02d}"


def shift_month(month: str, months: int) -> str:
    """The month `months` later; earlier if negative."""
    return month_key(month_number(month) + months)


def quarter_of(month: str) -> str:
    """Key of the calendar quarter that holds a month: ``2020-02`` -> ``2020-01``."""
    number = month_number(month)
    return month_key(number - number % MONTHS_IN_QUARTER)


def is_calendar_quarter(key: str) -> bool:
    """Whether the period starts in January, April, July or October."""
    return month_number(key) % MONTHS_IN_QUARTER == 0


def shift_quarter(key: str, quarters: int) -> str:
    """The period `quarters` quarters later; earlier if negative. Q-4 is ``shift_quarter(key, -4)``."""
    return shift_month(key, quarters * MONTHS_IN_QUARTER)


def quarter_range(first: str, last: str) -> tuple[str, ...]:
    """Every quarter from `first` to `last`, both included, a quarter apart.

    Raises
    ------
    MethodError
        If `last` is before `first`, or not a whole number of quarters away.
    """
    months = month_number(last) - month_number(first)
    if months < 0 or months % MONTHS_IN_QUARTER:
        raise MethodError(f"no whole number of quarters from {first} to {last}")
    return tuple(shift_month(first, step) for step in range(0, months + 1, MONTHS_IN_QUARTER))


def months_of_quarter(key: str, month_lag: int = 0) -> tuple[str, str, str]:
    """The three months of a quarter, or those `month_lag` months before them.

    With a lag of one month October to December stands for September to November: the error of the July 2021
    production run of the reweighted Labour Force Survey.
    """
    first = month_number(key) - month_lag
    return month_key(first), month_key(first + 1), month_key(first + 2)


def label_of(key: str) -> str:
    """The period as ONS tables write it: ``Jan-Mar 2020``; the year is that of the last month."""
    number = month_number(key)
    year, last = divmod(number + MONTHS_IN_QUARTER - 1, _MONTHS_IN_YEAR)
    return f"{MONTH_NAMES[number % _MONTHS_IN_YEAR]}-{MONTH_NAMES[last]} {year}"


def parse_label(label: str) -> str:
    """Key of a period label of an ONS table: the inverse of `label_of`.

    Raises
    ------
    MethodError
        If the label is anything but three consecutive months and the year of the last.
    """
    match = _LABEL.fullmatch(label)
    if match is not None and match[2] in MONTH_NAMES:
        last = int(match[3]) * _MONTHS_IN_YEAR + MONTH_NAMES.index(match[2])
        key = month_key(last - MONTHS_IN_QUARTER + 1)
        if label_of(key) == label:
            return key
    raise MethodError(f"'{label}' is not a three-month period; expected a label such as Jan-Mar 2020")


def quarters_of(months: "pd.Series[str]") -> "pd.Series[str]":
    """`quarter_of` for a Series of months."""
    return _on_distinct(months, quarter_of)


def shift_quarters(keys: "pd.Series[str]", quarters: int) -> "pd.Series[str]":
    """`shift_quarter` for a Series of keys."""
    return _on_distinct(keys, lambda key: shift_quarter(key, quarters))


def labels_of(keys: "pd.Series[str]") -> "pd.Series[str]":
    """`label_of` for a Series of keys."""
    return _on_distinct(keys, label_of)


def parse_labels(labels: "pd.Series[str]") -> "pd.Series[str]":
    """`parse_label` for a Series of labels."""
    return _on_distinct(labels, parse_label)


def _on_distinct(texts: "pd.Series[str]", function: Callable[[str], str]) -> "pd.Series[str]":
    """Apply `function` once to each distinct text; a missing text is an error."""
    if texts.isna().any():
        raise MethodError(f"{int(texts.isna().sum())} of {len(texts)} period keys are missing")
    translation: dict[Hashable, str] = {text: function(str(text)) for text in texts.unique()}
    return texts.map(translation).astype("str")
