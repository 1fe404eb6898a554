"""A marked value of a person's record never leaves the checks, however the table is broken."""

import json
import logging

import numpy as np
import pandas as pd
import pytest

from lmi_pipeline import catalog
from lmi_pipeline.catalog.models import Check
from lmi_pipeline.errors import SchemaError
from lmi_pipeline.quality.page import render_validation_page
from lmi_pipeline.quality.rules import run_rules
from lmi_pipeline.quality.schema_checks import assert_valid, check_schema
from lmi_pipeline.quality.suites import validate

PERSONS = "core_lfs__quarterly_person"
MARKED_PAY, MARKED_PERSON = 987654.25, "MARKED-PERSON"
MARKS = ("987654", "987_654", "987,654", MARKED_PERSON, MARKED_PERSON.lower())
PAY = {"value": "hourly_pay_gbp"}
PARTS = {"part_column": "person_id", "parts": ["a"], "total": MARKED_PERSON}
RULES = (
    Check(name="pay_zero", rule="zero_where", description="d", parameters={**PAY, "where": {"wave": 1}}),
    Check(name="text_zero", rule="zero_where", description="d", parameters={"value": "person_id", "where": {}}),
    Check(name="gaps", rule="no_gaps", description="d", parameters={"period": "person_id"}),
    Check(name="monotone", rule="monotone", description="d", parameters={**PAY, "order": "person_id"}),
    Check(name="sums", rule="parts_sum_to_total", description="d", parameters={**PAY, **PARTS}),
    Check(name="drift", rule="drift_against", description="d", parameters={**PAY, "tolerance": 0.1}),
)


def sound() -> pd.DataFrame:
    table, number = catalog.table(PERSONS), np.arange(12)
    frame = pd.DataFrame(index=number)
    for name in table.columns:
        column = catalog.column(name)
        codes = np.array(catalog.codes(column.codelist) if column.codelist else [f"{name}{n}" for n in number])
        frame[name] = codes[number % len(codes)] if column.type == "string" else number % 5 + 1
    return frame.assign(quarter="2020-01", hourly_pay_gbp=10.5, weekly_pay_gbp=400.25, usual_hours_per_week=37.5)


def out_of_range(frame: pd.DataFrame) -> pd.DataFrame:
    pay = dict.fromkeys(("weekly_pay_gbp", "hourly_pay_gbp"), -MARKED_PAY)
    return frame.assign(**pay, usual_hours_per_week=MARKED_PAY, wave=987654, age_years=987654)


def unknown_codes(frame: pd.DataFrame) -> pd.DataFrame:
    coded = [c for c in frame.columns if catalog.column(c).codelist]
    return frame.assign(**dict.fromkeys([*coded, "quarter"], MARKED_PERSON))


def wrong_types(frame: pd.DataFrame) -> pd.DataFrame:
    text = [c for c in frame.columns if catalog.column(c).type == "string"]
    rest = [c for c in frame.columns if c not in text]
    return frame.assign(**dict.fromkeys(text, MARKED_PAY), **dict.fromkeys(rest, MARKED_PERSON))


def mixed_types(frame: pd.DataFrame) -> pd.DataFrame:
    mixed = frame.astype("object")
    mixed.iloc[::2] = MARKED_PERSON
    mixed.iloc[1::2] = MARKED_PAY
    return mixed


def repeated_keys(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame.assign(person_id=MARKED_PERSON, hourly_pay_gbp=MARKED_PAY)] * 2)


def nulls(frame: pd.DataFrame) -> pd.DataFrame:
    emptied = dict.fromkeys(("household_id", "sex", "birth_group", "age_years"))
    return frame.assign(person_id=MARKED_PERSON, hourly_pay_gbp=MARKED_PAY, **emptied)


def wrong_columns(frame: pd.DataFrame) -> pd.DataFrame:
    marked = frame.assign(person_id=MARKED_PERSON, hourly_pay_gbp=MARKED_PAY)
    return marked.drop(columns=["sex", "quarter"]).rename(columns={"tenure": MARKED_PERSON, "wave": str(MARKED_PAY)})


BREAKS = (out_of_range, unknown_codes, wrong_types, mixed_types, repeated_keys, nulls, wrong_columns)


@pytest.mark.parametrize("broken_by", BREAKS)
def test_checks_when_a_marked_record_fails_then_the_mark_is_nowhere(broken_by, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    table = catalog.table(PERSONS).model_copy(update={"checks": RULES})
    frame = broken_by(sound())
    suite = validate(frame, table)
    outcomes = [*check_schema(frame, table), *suite.outcomes, *run_rules(frame, table, previous=sound())]
    with pytest.raises(SchemaError) as caught:
        assert_valid(frame, PERSONS)
    assert not suite.passed
    printed = capfd.readouterr()
    said = [
        repr(outcomes),
        repr(suite),
        json.dumps([outcome.to_metadata() for outcome in outcomes]),
        render_validation_page(outcomes, "Checks"),
        str(caught.value),
        repr(caught.value.__context__),
        caplog.text,
        printed.out,
        printed.err,
    ]
    assert not [mark for mark in MARKS for text in said if mark in text]


def test_checks_when_records_are_sound_then_the_frame_of_this_test_passes():
    assert_valid(sound(), PERSONS)
    assert validate(sound(), catalog.table(PERSONS)).passed
