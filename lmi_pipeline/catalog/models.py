"""What a catalogue entry may say: the shapes of sources, columns, tables and weight vintages.

Only the shapes live here; the facts are in the YAML and CSV files beside this module and are
read by :mod:`lmi_pipeline.catalog`. An unknown key is an error everywhere.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Layer = Literal["vault", "raw", "core", "est", "out"]
ColumnType = Literal["string", "integer", "float", "boolean", "date", "timestamp"]
Severity = Literal["block", "warn"]


class Entry(BaseModel):
    """Base of every catalogue entry: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(Entry):
    """One column, defined once for every table that has it."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    type: ColumnType
    description: str
    unit: str | None = None
    codelist: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    identifying: bool = False


class Check(Entry):
    """A rule beyond schema, key and codes; ``rule`` names a function of ``quality/rules.py``."""

    name: str
    rule: str
    severity: Severity = "block"
    description: str
    parameters: dict[str, object] = Field(default_factory=dict)


class Table(Entry):
    """One table: asset name = table name = SQL file name.

    ``method`` says in one to three plain sentences how its numbers are made, for readers who do not program;
    ``references`` are where the method was published. A table ``written_with`` another has no asset of its own: the
    asset of the other writes it, too.
    """

    name: str = Field(pattern=r"^(vault|raw|core|est|out)_[a-z0-9]+__[a-z0-9_]+$")
    title: str
    description: str
    method: str = ""
    references: tuple[str, ...] = ()
    subject: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    nullable: tuple[str, ...] = ()
    slice_by: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    owner: str = "team:labour-market"
    partitioned: bool = False
    written_with: str | None = None
    may_be_empty: bool = False
    microdata: bool = False
    warnings: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()

    @property
    def layer(self) -> Layer:
        """Layer the table belongs to, read from its name."""
        return self.name.split("_", 1)[0]  # type: ignore[return-value]


class Layout(Entry):
    """One published file form of a source.

    A ``sparse`` layout exists for some periods only: a period without a file is no failure and has no rows. A release
    of a layout that is ``in_parts`` is many files: a file of another name belongs to it, one of the same name is issued
    anew.
    """

    name: str
    title: str
    file_pattern: str
    published_as: str
    cadence: str
    url: str | None = None
    raw_table: str
    core_tables: tuple[str, ...]
    synthetic: bool = True
    sparse: bool = False
    in_parts: bool = False
    column_map: dict[str, str] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Source(Entry):
    """One publisher's source: who, under which licence, in which layouts."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    publisher: str
    homepage: str
    licence: str
    licence_url: str | None = None
    publish_microdata: bool = False
    citation: str
    freshness_days: int | None = None
    layouts: tuple[Layout, ...]


class RtiInput(Entry):
    """Which RTI release a weight vintage takes, and how."""

    release: str
    if_absent: Literal["fail", "earliest_later", "latest"] = "fail"
    month_lag: int = Field(ge=0, le=2)
    seasonally_adjusted: bool = False
    rolls_forward: bool = False


class GrowthModel(Entry):
    """Parameters of the growth estimator (ONS reweighting article, equation 11)."""

    base_quarter: str
    coefficient: float = Field(ge=0, le=1)
    uk_adjusted: bool = True
    uk_reference: Literal["own_area", "national"] = "own_area"
    geography: Literal["national", "region_group"] = "region_group"
    migration_release: str


class PopulationInput(Entry):
    """Population behind the controls of area, age and sex.

    ``estimates`` and ``projection`` are releases; the projection is taken for the years after the last estimate.
    With ``role: total`` they are the controls. With ``role: structure`` they only give the structure of the base
    year, and the controls by country of birth give the population.
    """

    estimates: str
    projection: str | None = None
    if_absent: Literal["fail", "earliest_later", "latest"] = "fail"
    role: Literal["total", "structure"] = "total"


class WeightVintage(Entry):
    """One LFS weight vintage: a row of ``weight_vintages.yml``.

    Quarters before ``reweighted_from`` keep the official weights; ``datasets`` names the weighted datasets, and
    ``compare_with`` the vintages it is set against in the evaluation.
    """

    name: str = Field(pattern=r"^pwt\d\d(_[a-z]+)?$")
    title: str
    published_on: date | None
    from_quarter: str | None
    reweighted_from: str
    to_quarter: str | None = None
    datasets: tuple[str, ...]
    compare_with: tuple[str, ...] = ()
    controls: tuple[str, ...]
    population: PopulationInput
    rti: RtiInput | None = None
    growth: GrowthModel | None = None
    non_response_adjusted: bool = False
    non_response_exempt: tuple[str, ...] = ()
    not_stated: Literal["scaled"] = "scaled"
    origin: Literal["published", "reconstructed", "ours"]
    note: str

    @property
    def suffix(self) -> int:
        """Suffix of its weight variable: 20 for pwt20 and pwt20_corrected."""
        return int(self.name[3:5])


class ControlRule(Entry):
    """How one control of a vintage is cut for a dataset: the columns its cells are made of.

    Cells with too few respondents are merged with their neighbour along ``merge_along``.
    """

    name: str
    dimensions: tuple[str, ...]
    merge_along: str | None = None


class WeightingDataset(Entry):
    """One weighted dataset of the survey: whose weights, over which interviews, to which controls."""

    name: str
    title: str
    table: str
    weight_variable: str
    quarters: int = Field(ge=1, le=4)
    waves: tuple[int, ...] = ()
    boost: bool = False
    linked: bool = False
    by_week: bool = False
    household_integrated: bool = False
    minimum_age: int = 0
    fewest_respondents: int = Field(ge=1)
    official: Literal["person_file", "dataset_file", "quarter_scaled"]
    controls: tuple[ControlRule, ...]
    note: str


class NonResponseModel(Entry):
    """The response model: area characteristics (shares of census categories), factors, and how factors are made."""

    census_table: str
    shares: dict[str, tuple[str, ...]]
    total: str
    factors: tuple[str, ...]
    method: Literal["weighting_class", "inverse"]
    classes: int = Field(ge=2)
    maximum_ratio: float = Field(gt=1)
