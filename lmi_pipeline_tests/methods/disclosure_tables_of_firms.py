"""A table of firms' turnover by region and industry, both with hierarchies, drawn with a seed."""

import numpy as np
import pandas as pd

REGIONS = {"North": "England", "South": "England", "East": "England", "Wales": "UK", "Scotland": "UK"}
INDUSTRIES = {"01": "A", "02": "A", "10": "C", "11": "C", "12": "C", "45": "G", "46": "G"}
REGION_SUMS = [("UK", ["England", "Wales", "Scotland"]), ("England", ["North", "South", "East"])]
INDUSTRY_SUMS = [("all", ["A", "C", "G"]), ("A", ["01", "02"]), ("C", ["10", "11", "12"]), ("G", ["45", "46"])]


def firms(seed: int) -> pd.DataFrame:
    """Every cell with its sum, number of firms and two largest; some cells have one firm, some none."""
    rng = np.random.default_rng(seed)
    records = []
    for region in REGIONS:
        for industry in INDUSTRIES:
            count = int(rng.choice([0, 1, 2, 5, 15, 40], p=[0.05, 0.1, 0.1, 0.25, 0.3, 0.2]))
            turnover = np.round(rng.lognormal(3, 1.2, count) + 1)
            records += [
                (r, i, x) for x in turnover for r in _above(region, REGIONS) for i in _above(industry, INDUSTRIES)
            ]
    frame = pd.DataFrame(records, columns=["region", "industry", "x"]).sort_values("x", ascending=False)
    cells = frame.groupby(["region", "industry"])["x"]
    return pd.DataFrame(
        {
            "value": cells.sum(),
            "firms": cells.size(),
            "largest_1": cells.agg(lambda s: s.iloc[0]),
            "largest_2": cells.agg(lambda s: s.iloc[1] if len(s) > 1 else np.nan),
        }
    ).reset_index()


def _above(code: str, parents: dict[str, str]) -> list[str]:
    top = "UK" if parents is REGIONS else "all"
    return list(dict.fromkeys([code, parents[code], top]))
