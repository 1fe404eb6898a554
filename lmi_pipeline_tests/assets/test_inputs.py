"""Which edition of a quarter's file a weight vintage takes, when several were delivered."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmi_pipeline import catalog
from lmi_pipeline.assets.inputs import editions_for, newest_edition

QUARTER = "2019-10"


def rows(*editions, quarter=QUARTER, **columns):
    return pd.DataFrame({"quarter": quarter, "edition": list(editions), **columns})


def od19(suffix):
    return f"lfsp_od19_eul_pwt{suffix}"


@pytest.mark.parametrize(("vintage", "suffix"), [("pwt18", 18), ("pwt18_tenure", 18), ("pwt20_corrected", 20)])
def test_suffix_when_the_name_goes_on_then_the_two_digits(vintage, suffix):
    assert catalog.weight_vintage(vintage).suffix == suffix


@pytest.mark.parametrize(
    ("vintage", "editions", "chosen", "is_later"),
    [
        ("pwt20", [od19(18), od19(24)], od19(18), False),
        ("pwt20_corrected", [od19(18), od19(20), od19(22)], od19(20), False),
        ("pwt24", [od19(18), od19(24)], od19(24), False),
        ("pwt20", [od19(24), od19(22)], od19(22), True),
        ("pwt18_tenure", ["lfsp_od19_eul", od19(20)], "lfsp_od19_eul", False),
        ("pwt20", ["lfsp_od19_eul", od19(18)], od19(18), False),
        ("pwt20", [f"{od19(18)}+0123ab20", f"{od19(20)}"], od19(20), False),
        ("pwt20", [od19(18), f"{od19(18)}+0123ab77"], f"{od19(18)}+0123ab77", False),
        ("pwt20", [f"{od19(24)}+0123ab18", od19(18)], od19(18), False),
        ("pwt20", [f"{od19(20)}_v2", od19(18)], f"{od19(20)}_v2", False),
    ],
)
def test_edition_when_several_were_delivered_then_the_newest_the_vintage_may_have(vintage, editions, chosen, is_later):
    found = editions_for(rows(*editions), catalog.weight_vintage(vintage))
    assert list(found.frame["edition"]) == [chosen]
    assert found.later == ((chosen,) if is_later else ())


def test_edition_when_the_weight_inside_is_known_then_its_year_counts_and_not_the_name():
    held = rows("lfsp_od19_eul", od19(18), analysis_weight_year=[24, 18])
    assert list(editions_for(held, catalog.weight_vintage("pwt20")).frame["edition"]) == [od19(18)]
    assert list(newest_edition(held)["edition"]) == ["lfsp_od19_eul"]


def test_edition_when_quarters_differ_then_each_has_its_own():
    held = pd.concat([rows(od19(18), od19(24)), rows("lfsp_js19_eul_pwt24", quarter="2019-07")])
    found = editions_for(held, catalog.weight_vintage("pwt20"))
    assert dict(zip(found.frame["quarter"], found.frame["edition"], strict=True)) == {
        QUARTER: od19(18),
        "2019-07": "lfsp_js19_eul_pwt24",
    }
    assert found.later == ("lfsp_js19_eul_pwt24",)


@given(
    delivered=st.dictionaries(
        st.sampled_from(["2018-10", "2019-01", "2019-10"]), st.sets(st.integers(0, 40), min_size=1), min_size=1
    ),
    vintage=st.sampled_from(sorted(catalog.weight_vintages())),
)
def test_edition_when_any_were_delivered_then_one_a_quarter_and_the_nearest_the_vintage_may_have(delivered, vintage):
    limit = catalog.weight_vintage(vintage).suffix
    held = pd.concat(
        [rows(*(f"lfsp_{q}_eul_pwt{s:02d}" for s in sorted(suffixes)), quarter=q) for q, suffixes in delivered.items()]
    )
    found = editions_for(held.sample(frac=1, random_state=1), catalog.weight_vintage(vintage))
    taken = found.frame.set_index("quarter")["edition"].str[-2:].astype(int)
    assert taken.index.is_unique
    wanted = {q: max((s for s in suffixes if s <= limit), default=min(suffixes)) for q, suffixes in delivered.items()}
    assert taken.to_dict() == wanted
    assert {edition[5:12] for edition in found.later} == {q for q, suffix in wanted.items() if suffix > limit}
