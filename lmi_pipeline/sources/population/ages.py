"""Ages as the population files code them, and our labels for them.

Single years have two digits (``07``), open ages end in ``+`` (``90+``), bands are written ``16-64``, all ages
are ``total``. Nothing is left out: a file that holds bands beside single years keeps both.
"""

from __future__ import annotations

import re

_BANDS = {
    "0": "total",
    "200": "total",
    "201": "0-15",
    "202": "16+",
    "203": "16-64",
    "204": "16-17",
    "205": "18-24",
    "206": "18-21",
    "207": "25-49",
    "208": "50-64",
    "209": "65+",
    "210": "85+",
    "250": "16-24",
    "1": "0-4",
}
_FIVE_YEARS = {str(code): f"{5 * (code - 2)}-{5 * (code - 2) + 4}" for code in range(3, 19)}
_SINGLE_YEARS = {str(101 + age): f"{age:02d}" for age in range(90)}

ALL_AGES = "total"

NOMIS_AGES = {**_BANDS, **_FIVE_YEARS, **_SINGLE_YEARS, "191": "90+"}
"""Labels of the codes of the Nomis dimension C_AGE (population by single year of age)."""

PROJECTION_AGES = {**{str(age): f"{age:02d}" for age in range(90)}, "90": "90+"}
"""Labels of the ages of the national and subnational projection files, whose last age is open."""


def label_of_name(name: str) -> str | None:
    """Label of an age as Nomis names it: ``All Ages``, ``Age 7``, ``Aged 16 to 64``, ``Age 0 - 4``, ``Aged 85+``."""
    text = " ".join(name.split()).lower()
    if text == "all ages":
        return "total"
    if found := re.fullmatch(r"aged? (\d+)", text):
        return f"{int(found[1]):02d}"
    if found := re.fullmatch(r"aged? (\d+) ?\+", text):
        return f"{found[1]}+"
    if found := re.fullmatch(r"aged? (\d+) ?(?:-|to) ?(\d+)", text):
        return f"{found[1]}-{found[2]}"
    return None
