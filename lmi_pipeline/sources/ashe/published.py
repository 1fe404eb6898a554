"""ASHE cells as published to core rows: one row per estimate, its coefficient of variation beside it.

The cells of a row of a sheet stand together: a table of n rows and 15 columns is worked on as arrays (n, 15), and
estimates and coefficients of variation are matched row by row.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from lmi_pipeline import catalog
from lmi_pipeline.errors import SourceError
from lmi_pipeline.sources.ashe.names import SHEETS, VARIATION
from lmi_pipeline.sources.ashe.row_codes import BY_LAYOUT, CODES, UnknownRowError
from lmi_pipeline.sources.ashe.tables import FIRST_VALUE, STATISTICS
from lmi_pipeline.sources.workbook import cell_name

SUPPRESSED = "suppressed"
UNRELIABLE = "x"
THOUSAND = 1000

_WIDTH = len(STATISTICS)
_KEY = ["release", "ashe_table", "sex", "working_pattern", *CODES]
_COLUMNS = [
    "release",
    "year",
    "ashe_table",
    "measure",
    "sex",
    "working_pattern",
    *CODES,
    "statistic",
    "value",
    "cv_percent",
    "quality_band",
    "cell_marker",
    "sha256",
    "synthetic",
]
_ROW = ["sha256", "sheet", "row_number"]
_FILL_BANDS = {"CV <= 5%": "cv_0_5", "CV > 5% and <= 10%": "cv_5_10", "CV > 10% and <= 20%": "cv_10_20"}


def tidy_published(raw: pd.DataFrame) -> pd.DataFrame:
    """Rows of core_ashe__yearly_published from cells of raw_ashe__published_cell.

    Coefficients of variation whose estimates are not there are left out.

    Raises
    ------
    SourceError
        For a row or sheet that is not known, and for a table of a release that stands in two files.
    """
    order = _order(raw)
    rows = _coded_rows(raw, order[:, 0])
    value = raw["cell_value"].to_numpy("float64")[order]
    is_variation = rows["is_variation"].to_numpy(dtype=bool)
    estimates, variations = rows[~is_variation], rows[is_variation]
    for part in (estimates, variations):
        _refuse_repeated(part)
    cv = np.full((len(estimates), _WIDTH), np.nan)
    matched = _matches(estimates, variations)
    cv[matched >= 0] = value[is_variation][matched[matched >= 0]]
    cells = order[~is_variation].ravel()
    marker, fill = (pd.Series(raw[name].array.take(cells)) for name in ("cell_marker", "fill_label"))
    return _long(estimates, value[~is_variation], cv, marker, fill)


def _order(raw: pd.DataFrame) -> np.ndarray:
    """Positions of the cells, shape (rows of sheets, columns), by file, sheet, row and column."""
    files, sheets = (pd.factorize(raw[name])[0] for name in ("sha256", "sheet"))
    row, column = raw["row_number"].to_numpy("int64"), raw["column_number"].to_numpy("int64")
    order = np.lexsort((column, row, sheets, files))
    if len(order) % _WIDTH or (column[order].reshape(-1, _WIDTH) != np.arange(_WIDTH) + FIRST_VALUE + 1).any():
        raise SourceError(
            f"table 'raw_ashe__published_cell': rows of sheets without their {_WIDTH} columns; read the files again"
        )
    return order.reshape(-1, _WIDTH)


def _coded_rows(raw: pd.DataFrame, first: np.ndarray) -> pd.DataFrame:
    """One row for each row of a sheet: the columns of the key, the measure and whether it holds variations."""
    facts = [*_ROW, "layout", "release", "file_name", "synthetic", "table_number", "row_label", "row_code"]
    rows = raw[facts].take(first).reset_index(drop=True)
    sheets = [_coded_sheet(sheet) for _, sheet in rows.groupby(["sha256", "sheet"], sort=False)]
    return pd.concat(sheets).sort_index()


def _coded_sheet(sheet: pd.DataFrame) -> pd.DataFrame:
    facts = sheet.iloc[0]
    table, letter = facts["table_number"][:-1], facts["table_number"][-1]
    try:
        codes = BY_LAYOUT[facts["layout"]](sheet, facts["file_name"])
    except UnknownRowError as error:
        raise SourceError(
            str(error),
            file=facts["file_name"],
            sheet=facts["sheet"],
            cell=cell_name(int(sheet["row_number"].iloc[error.position]) - 1, 1),
            hint="Check what the publisher changed; if the classification did, add the code to its list.",
        ) from error
    sex, pattern = SHEETS[facts["sheet"].strip()]
    return pd.concat([sheet, codes], axis=1).assign(
        ashe_table=table,
        measure=catalog.mapping("ashe_measure", "code", key="number")[table.partition(".")[2]],
        sex=sex,
        working_pattern=pattern,
        year=int(facts["release"][: len("2021")]),
        is_variation=letter == VARIATION,
    )


def _refuse_repeated(rows: pd.DataFrame) -> None:
    repeated = rows.duplicated(_KEY, keep=False)
    if not repeated.any():
        return
    twice = rows[repeated]
    first = twice.iloc[0]
    files = sorted(twice["file_name"].unique())
    place = f"Table {first['ashe_table']} of {first['release']}"
    if twice["sha256"].nunique() > 1:
        raise SourceError(
            f"{place} stands in {twice['sha256'].nunique()} files: {', '.join(map(repr, files))}.",
            hint="Keep one of them: names without 'PROV - ' are revised editions, with it provisional ones.",
        )
    raise SourceError(
        f"{place}: {len(twice)} rows repeat another's code (first {first['row_label']!r})",
        file=files[0],
        sheet=first["sheet"],
        cell=cell_name(int(first["row_number"]) - 1, 1),
    )


def _matches(estimates: pd.DataFrame, variations: pd.DataFrame) -> np.ndarray:
    """Position of each estimate's row among the variations; -1 where there is none."""
    place = variations[_KEY].assign(place=np.arange(len(variations)))
    return estimates[_KEY].merge(place, on=_KEY, how="left")["place"].fillna(-1).to_numpy("int64")


def _long(rows: pd.DataFrame, value: np.ndarray, cv: np.ndarray, marker: pd.Series, fill: pd.Series) -> pd.DataFrame:
    """Rows of the table: each row of a sheet as many times as it has statistics."""
    scaled = value.copy()
    scaled[:, STATISTICS.index("job_count")] *= THOUSAND
    columns = [name for name in _COLUMNS if name in rows]
    frame = rows[columns].take(np.repeat(np.arange(len(rows)), _WIDTH)).reset_index(drop=True)
    frame["statistic"] = pd.array(list(STATISTICS), dtype="str").take(np.tile(np.arange(_WIDTH), len(rows)))
    frame["value"], frame["cv_percent"], frame["cell_marker"] = scaled.ravel(), cv.ravel(), marker
    frame["quality_band"] = _bands(frame, fill)
    return frame[_COLUMNS]


def _bands(frame: pd.DataFrame, fill: pd.Series) -> pd.Series:
    """Band from the coefficient of variation, else from the fill; the marker x is the band above all others."""
    listed = catalog.codelist("quality_band")
    above = listed["lower"].astype("float64").to_numpy()
    cv = frame["cv_percent"].to_numpy()
    place = np.maximum(np.searchsorted(above, cv, side="left") - 1, 0)
    band = pd.Series(listed["code"].array.take(place)).where(~np.isnan(cv), fill.map(_FILL_BANDS))
    return band.where(frame["value"].notna()).mask(frame["cell_marker"].eq(UNRELIABLE).fillna(False), SUPPRESSED)
