"""Rebuild the SOC 2010, SOC 2020 and SIC 2007 code lists from the publisher's own files.

``python -m lmi_pipeline.catalog.build_codelists DIR``, where DIR holds ``ONS_index.xls`` (SOC 2010
structure and coding index), ``soc2020_unit_groups.xlsx`` (SOC 2020 volume 1) and ``SIClookup.csv``
(SIC 2007). Run by hand when a classification is corrected; the CSV files it writes are what the
project reads.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

CODELISTS = Path(__file__).parent / "codelists"
SOC_LEVELS = {1: "major", 2: "sub_major", 3: "minor", 4: "unit_group"}


def soc2010_lists(folder: Path) -> dict[str, pd.DataFrame]:
    """Four levels of SOC 2010, each with the code of the level above.

    The sheet fills one level a row and leaves blank rows between; codes are floats.
    """
    sheet = pd.read_excel(folder / "ONS_index.xls", sheet_name="SOC2010 Structure", engine="calamine", header=0)
    codes = sheet.iloc[:, :4].bfill(axis=1).iloc[:, 0]
    rows = pd.DataFrame({"code": codes, "name": sheet.iloc[:, 4]}).dropna()
    rows["code"] = rows["code"].astype(float).astype(int).astype(str)
    return _levels(rows, "soc2010")


def soc2020_lists(folder: Path) -> dict[str, pd.DataFrame]:
    """Four levels of SOC 2020, each with the code of the level above.

    The sheet fills one level a row and writes <blank> in the others.
    """
    path = folder / "soc2020_unit_groups.xlsx"
    sheet = pd.read_excel(path, sheet_name="SOC2020 descriptions", engine="calamine", header=0, dtype="str")
    codes = sheet.iloc[:, :4].apply(lambda column: column.where(column.str.fullmatch(r"\d+"))).bfill(axis=1).iloc[:, 0]
    names = sheet.iloc[:, 4].str.split().str.join(" ")
    return _levels(pd.DataFrame({"code": codes, "name": names}).dropna(), "soc2020")


def _levels(rows: pd.DataFrame, edition: str) -> dict[str, pd.DataFrame]:
    """One list for each number of digits, with the code of the level above."""
    rows = rows.assign(
        name=rows["name"].str.strip().map(lambda text: text.capitalize() if text.isupper() else text),
        level=rows["code"].str.len(),
    )
    lists = {}
    for level, name in SOC_LEVELS.items():
        kept = rows.loc[rows["level"] == level, ["code", "name"]].sort_values("code", ignore_index=True)
        if level > 1:
            kept[f"{edition}_{SOC_LEVELS[level - 1]}"] = kept["code"].str[:-1]
        lists[f"{edition}_{name}"] = kept
    return lists


def sic2007_lists(folder: Path) -> dict[str, pd.DataFrame]:
    """Sections and divisions of SIC 2007.

    The file is cp1252; names of divisions carry their code in front and, one of them, a description behind.
    """
    rows = pd.read_csv(folder / "SIClookup.csv", dtype="str", encoding="cp1252", keep_default_na=False)
    rows = rows.rename(columns={"SIC_2DIGIT_CODE": "code", "SIC_SECTION_LETTER": "sic2007_section"})
    names = rows["SIC_2DIGIT_NAME"].str.split(" : ", n=1).str[-1]
    rows["name"] = names.str.split(". This division", n=1, regex=False).str[0].str.strip()
    divisions = rows[["code", "name", "sic2007_section"]].drop_duplicates("code").sort_values("code")
    sections = rows[["sic2007_section", "SIC_SECTION_NAME"]].drop_duplicates("sic2007_section")
    sections = sections.set_axis(["code", "name"], axis=1).sort_values("code")
    return {"sic2007_section": sections, "sic2007_division": divisions}


def build(folder: Path) -> dict[str, pd.DataFrame]:
    """Every list made from the publisher's files, by name."""
    return soc2010_lists(folder) | soc2020_lists(folder) | sic2007_lists(folder)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the lists into the catalogue."""
    parser = argparse.ArgumentParser(description="Rebuild the SOC and SIC code lists.")
    parser.add_argument(
        "folder", type=Path, help="folder with ONS_index.xls, soc2020_unit_groups.xlsx and SIClookup.csv"
    )
    for name, frame in build(parser.parse_args(arguments).folder).items():
        frame.to_csv(CODELISTS / f"{name}.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
