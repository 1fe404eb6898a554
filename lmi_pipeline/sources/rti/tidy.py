"""RTI cells as published to core rows: our codes, one grain, one key."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from lmi_pipeline.sources.rti import categories, employments, nationality, payroll
from lmi_pipeline.sources.rti.labels import area_codes, nationality_codes
from lmi_pipeline.sources.rti.table import month_key, unknown_cell


def _mapped(raw: pd.DataFrame, column: str, code: Callable[[str], str | None], kind: str) -> pd.Series:
    """Codes of a label column; SourceError for the first label without one."""
    codes = {label: code(label) for label in raw[column].unique()}
    found = raw[column].map({label: value for label, value in codes.items() if value})
    if found.isna().any():
        label = raw.loc[found.isna(), column].iloc[0]
        raise unknown_cell(raw, found.isna(), f"unknown {kind} {label!r}.")
    return found


def _of_layout(raw: pd.DataFrame, layout: str) -> pd.DataFrame:
    return raw[raw["layout"] == layout].reset_index(drop=True)


def tidy_monthly_employees(raw: pd.DataFrame) -> pd.DataFrame:
    """Employees by nationality and area from the cells of layout ``nationality``."""
    raw = _of_layout(raw, nationality.LAYOUT)
    areas, groups = area_codes(), nationality_codes()
    return pd.DataFrame(
        {
            "release": raw["release"],
            "month": _mapped(raw, "row_label", month_key, "month"),
            "area_code": _mapped(raw, "column_label", lambda x: areas.get(x.partition(" | ")[0]), "region"),
            "nationality_group": _mapped(
                raw, "column_label", lambda x: groups.get(x.partition(" | ")[2]), "nationality"
            ),
            "is_seasonally_adjusted": ~raw["sheet"].str.contains("NSA", regex=False),
            "employee_count": raw["cell_value"].astype("int64"),
            "sha256": raw["sha256"],
            "synthetic": raw["synthetic"],
        }
    )


def tidy_monthly_employments(raw: pd.DataFrame) -> pd.DataFrame:
    """Employments by nationality, area and industry from the cells of layout ``employments``.

    The sheet of EU14, EU8, EU2 and other EU repeats the EU total of the first sheet; the repeat is
    compared with it and left out.
    """
    raw = _of_layout(raw, employments.LAYOUT)
    series = {label: employments.parse(label) for label in raw["column_label"].unique()}
    known = raw["column_label"].map({label: all(one) for label, one in series.items()}).astype(bool)
    if not known.all():
        raise unknown_cell(raw, ~known, "unknown area, nationality or industry in the header.")
    frame = pd.DataFrame(
        {
            "release": raw["release"],
            "month": _mapped(raw, "row_label", month_key, "month"),
            "area_code": raw["column_label"].map({label: one.area_code for label, one in series.items()}),
            "nationality_group": raw["column_label"].map(
                {label: one.nationality_group for label, one in series.items()}
            ),
            "industry_block": raw["column_label"].map({label: one.industry_block for label, one in series.items()}),
            "employment_count": raw["cell_value"].astype("Int64"),
            "cell_marker": raw["cell_marker"],
            "sha256": raw["sha256"],
            "synthetic": raw["synthetic"],
        }
    )
    key = ["sha256", "month", "area_code", "nationality_group", "industry_block"]
    return _without_repeats(frame, raw, key, "employment_count")


def _without_repeats(frame: pd.DataFrame, raw: pd.DataFrame, key: list[str], value: str) -> pd.DataFrame:
    """Leave out figures that stand on a second sheet too, once they are seen to be the same."""
    repeated = frame.duplicated(key)
    first = frame[~repeated].set_index(key)[value]
    again = frame[repeated].set_index(key)[value]
    same = again.astype("Float64").eq(first.reindex(again.index).astype("Float64")).fillna(True)
    if not same.all():
        position = frame.index[repeated][~same.to_numpy(dtype=bool)][0]
        differs = pd.Series(raw.index == position, index=raw.index)
        raise unknown_cell(raw, differs, "differs from the same figure on an earlier sheet.")
    return frame[~repeated].reset_index(drop=True)


def tidy_monthly_payroll(raw: pd.DataFrame) -> pd.DataFrame:
    """Employees and pay from the cells of layout ``payroll``.

    The sheet of flows repeats the change on the previous month; the repeat is compared and left out.
    The median of pay growth is stored as a proportion and shown in per cent: here it is per cent.
    """
    raw = _of_layout(raw, payroll.LAYOUT)
    coded = _categories(raw)
    scale = (coded["measure"] == categories.PAY_GROWTH).map({True: 100.0, False: 1.0})
    frame = pd.DataFrame(
        {
            "release": raw["release"],
            "month": _mapped(raw, "row_label", month_key, "month"),
            **{name: coded[name] for name in coded.columns},
            "measure_value": raw["cell_value"] * scale,
            "sha256": raw["sha256"],
            "synthetic": raw["synthetic"],
        }
    )
    key = ["sha256", "month", "measure", "breakdown", "category_code"]
    return _without_repeats(frame, raw, key, "measure_value")


def _categories(raw: pd.DataFrame) -> pd.DataFrame:
    """Measure, breakdown and category of every cell; each column of each sheet is looked up once."""
    pairs = raw[["sheet", "column_label"]]
    position = pairs.groupby(["sheet", "column_label"], sort=False).ngroup().to_numpy()
    columns = pairs.drop_duplicates().itertuples(index=False)
    found = [categories.category(payroll.table_of(sheet), label) for sheet, label in columns]
    unknown = pd.Series([one is None for one in found], dtype="bool").to_numpy()[position]
    if unknown.any():
        label = raw["column_label"][unknown].iloc[0]
        raise unknown_cell(raw, pd.Series(unknown, index=raw.index), f"unknown category {label!r}.")
    coded = pd.DataFrame(found, columns=list(categories.Category._fields), dtype="str")
    return coded.take(position).reset_index(drop=True)
