"""One self-contained page per weight vintage: what the reweighting changed. No scripts, nothing from outside."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lmi_pipeline import catalog
from lmi_pipeline.catalog.models import WeightVintage
from lmi_pipeline.errors import ReleaseError
from lmi_pipeline.release.chart_style import Chart, quarter_name
from lmi_pipeline.release.impact_charts import chart_weight_distribution, impact_chart
from lmi_pipeline.release.impact_text import impact_sentence

TEMPLATES = Path(__file__).parent / "templates"
_KEYS = {"area_code": "Area", "category": "Category", "impact_measure": "Measure", "unit": "Unit"}
_HEADLINES = ("all/all/16+", "all/all/16-64", "birth_group/uk/16+", "birth_group/eu/16+", "birth_group/non_eu/16+")
_FOLDED_AGES = ("/16-64", "/all")
_SHORT = 40
_DIGITS = {"persons": 0, "thousand persons": 1, "numbers": 0}
_BANNERS = {
    "true": "Synthetic data: these are not real figures.",
    "mixed": "Partly synthetic data: these are not real figures.",
}
_SOURCES = ("rti", "lfs", "population", "census")
_QUALITY = {
    "respondent_count": ("Respondents", 0), "weighted_count": ("Weighted", 0), "g_minimum": ("Smallest g", 2),
    "g_maximum": ("Largest g", 2), "design_effect": ("Design effect", 3), "effective_size": ("Effective size", 0),
    "control_count": ("Controls", 0), "collapsed_count": ("Cells merged", 0),
    "not_stated_share": ("Birth not stated", 3),
}  # fmt: skip


@dataclass(frozen=True)
class Grid:
    """A table of the page: texts of the key columns, then formatted numbers."""

    caption: str
    keys: list[str]
    columns: list[str]
    rows: list[dict[str, list[str]]]


def render_impact_report(
    rows: pd.DataFrame,
    *,
    vintage: WeightVintage,
    missing: Mapping[str, str],
    weighting: pd.DataFrame | None,
    histogram: pd.DataFrame | None,
    made_from: Mapping[str, str],
    made_at: datetime,
) -> str:
    """Render the page of one weight vintage.

    Parameters
    ----------
    rows : DataFrame
        Rows of the impact tables of this vintage, with the quarter in ``quarter``.
    vintage : WeightVintage
        Catalogue entry.
    missing : mapping of str to str
        Table -> why it could not be made.
    weighting : DataFrame, optional
        Quality of the weights of this vintage.
    histogram : DataFrame, optional
        Distribution of the weights before and after.
    made_from : mapping of str to str
        What the page rests on.
    made_at : datetime
        When the run started.

    Returns
    -------
    str
        A complete HTML document.

    Raises
    ------
    ReleaseError
        Rows of another vintage, or none.
    """
    others = sorted(set(rows["weight_vintage"]) - {vintage.name})
    if others or rows.empty:
        raise ReleaseError(
            f"report of {vintage.name}: {len(rows)} rows, of other vintages: {', '.join(others) or 'none'}"
        )
    flag = _flag(rows["synthetic"])
    loader = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    sections = [_section(code, rows[rows["impact_table"] == code], missing) for code in catalog.codes("impact_table")]
    chart = None if histogram is None else chart_weight_distribution(histogram, vintage=vintage.name, synthetic=flag)
    return loader.get_template("impact_report.html").render(
        title=f"Reweighting of the Labour Force Survey: {vintage.name}",
        vintage=vintage,
        banner=_BANNERS.get(flag, ""),
        facts=_facts(vintage),
        sections=[section for section in sections if section["parts"] or section["missing"]],
        weights=_weights(weighting),
        weights_sentence=_weights_sentence(weighting),
        distribution=None if chart is None else {"image": _encoded(chart), "alt": chart.alt_text},
        made_at=f"{made_at:%d %B %Y, %H:%M} UTC",
        made_from=made_from,
        sources="; ".join(
            f"{source.title} ({source.publisher}; {source.licence})" for source in map(catalog.source, _SOURCES)
        ),
    )


def _facts(vintage: WeightVintage) -> list[tuple[str, str]]:
    origins = {
        "published": "issued by ONS",
        "reconstructed": "issued by ONS; some of its parameters are this project's choice",
        "ours": "never issued by ONS; this project's",
    }
    population = f"estimates {vintage.population.estimates}"
    population += f", projection {vintage.population.projection}" if vintage.population.projection else ""
    issued = f"{vintage.published_on:%d %B %Y}" if vintage.published_on else "no date recorded"
    facts = [
        ("Origin", origins[vintage.origin]),
        ("First published", issued),
        ("Reweighted from", quarter_name(vintage.reweighted_from)),
        ("Controls", ", ".join(control.replace("_", " ") for control in vintage.controls)),
        ("Population", population),
        ("Non-response", "adjusted" if vintage.non_response_adjusted else "not adjusted"),
    ]
    if vintage.rti is not None:
        lag = {0: "calendar quarters", 1: "one month behind"}.get(vintage.rti.month_lag, "two months behind")
        facts.append(("RTI", f"release {vintage.rti.release}, {lag}"))
    return [*facts, ("Note", vintage.note)]


def _section(code: str, rows: pd.DataFrame, missing: Mapping[str, str]) -> dict[str, object]:
    title = catalog.mapping("impact_table", "name")[code]
    parts = [_part(str(against), part) for against, part in rows.groupby("compared_with", sort=False)]
    return {"code": code, "title": title, "missing": missing.get(code, ""), "parts": parts}


def _part(against: str, rows: pd.DataFrame) -> dict[str, object]:
    first, rest = _split(rows)
    picture: dict[str, str] = {"image": "", "alt": "", "no_chart": ""}
    try:
        chart = impact_chart(rows)
        picture |= {"image": _encoded(chart), "alt": chart.alt_text}
    except ReleaseError as error:
        picture["no_chart"] = str(error)
    return {
        "against": against,
        "sentence": impact_sentence(rows),
        **picture,
        "first": _grid(first, "Figures") if len(first) else None,
        "rest": _grid(rest, "All figures" if first.empty else "Further figures") if len(rest) else None,
    }


def _split(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What is shown at once, and what is folded away; of Table 5 the differences alone, the rest is in the lake."""
    headline = rows["category"].isin(_HEADLINES)
    if headline.any():
        plain = ~rows["impact_measure"].str.contains("standard_error")
        differences = rows["impact_measure"].str.endswith("_difference") & rows["category"].str.endswith(_FOLDED_AGES)
        return rows[headline & plain], rows[~headline & differences]
    lines = rows[[*_KEYS]].drop_duplicates()
    return (rows, rows.iloc[:0]) if len(lines) <= _SHORT else (rows.iloc[:0], rows)


def _grid(rows: pd.DataFrame, caption: str) -> Grid:
    """Quarters as columns; area, category, measure and unit as rows, areas only where there are several."""
    keys = [column for column in _KEYS if column != "area_code" or rows["area_code"].nunique() > 1]
    wide = rows.pivot_table(index=keys, columns="quarter", values="impact_value", aggfunc="first", sort=False)
    wide = wide[sorted(wide.columns, key=lambda quarter: (quarter == "all", quarter))]
    columns = ["All quarters" if quarter == "all" else quarter_name(quarter) for quarter in wide.columns]
    lines = [
        {
            "keys": _names(keys, index),
            "cells": [_number(value, _DIGITS.get(str(index[-1]), 2)) for value in values],
        }
        for index, values in zip(wide.index, wide.to_numpy(), strict=True)
    ]
    return Grid(caption, [_KEYS[key] for key in keys], columns, lines)


@cache
def _words() -> dict[str, str]:
    """Names of the codes that areas and categories are made of."""
    lists = ("region_group", "region", "breakdown", "sex", "birth_group", "sic2007_section", "soc2010_major")
    names = {code: name for listed in lists for code, name in catalog.mapping(listed, "name").items()}
    more = {
        catalog.UNITED_KINGDOM: "United Kingdom",
        "non_uk": "Born outside the UK",
        "all": "All",
        "16+": "16 and over",
    }
    return names | more


def _category(text: str) -> str:
    words = _words()
    if "nationality" in text:
        words = words | catalog.mapping("nationality_group", "name")
    return ", ".join(dict.fromkeys(words.get(code, code.replace("_", " ")) for code in text.split("/")))


def _names(keys: list[str], texts: tuple[object, ...]) -> list[str]:
    plain = ("impact_measure", "unit")
    return [
        str(text).replace("_", " ") if key in plain else _category(str(text))
        for key, text in zip(keys, texts, strict=True)
    ]


def _number(value: float, digits: int) -> str:
    return "" if pd.isna(value) else f"{value:,.{digits}f}".replace("-", "−")


def _weights(weighting: pd.DataFrame | None) -> Grid | None:
    if weighting is None or weighting.empty:
        return None
    whole = weighting[weighting["area_code"] == catalog.UNITED_KINGDOM].sort_values(["dataset_name", "quarter"])
    names = {name: entry.title for name, entry in catalog.weighting_datasets().items()}
    status = catalog.mapping("non_response_status", "name")
    lines = [
        {
            "keys": [
                names[row["dataset_name"]], quarter_name(row["quarter"]), status[row["non_response_status"]],
            ],
            "cells": [_number(row[column], digits) for column, (_, digits) in _QUALITY.items()],
        }
        for row in whole.to_dict("records")
    ]  # fmt: skip
    columns = [title for title, _ in _QUALITY.values()]
    return Grid("United Kingdom, by dataset and quarter", ["Dataset", "Quarter", "Non-response"], columns, lines)


def _weights_sentence(weighting: pd.DataFrame | None) -> str:
    if weighting is None or weighting["maximum_relative_error"].dropna().empty:
        return ""
    made = weighting.dropna(subset=["maximum_relative_error"])
    partitions = len(made[["dataset_name", "quarter"]].drop_duplicates())
    worst = float(made["maximum_relative_error"].max())
    bound = 10.0 ** math.ceil(math.log10(worst)) if worst > 0 else 0.0
    return (
        f"In {partitions} calibrated datasets and quarters no control is missed by more than {bound:.0e} of its size."
    )


def _encoded(chart: Chart) -> str:
    return b64encode(chart.png).decode("ascii")


def _flag(synthetic: pd.Series) -> str:
    seen = set(synthetic.astype(str))
    return seen.pop() if len(seen) == 1 else "mixed"
