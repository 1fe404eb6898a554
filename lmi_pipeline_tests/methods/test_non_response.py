"""Non-response factors: closed forms, a direct fit, and simulations with a known truth."""

import re
import time

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from lmi_pipeline.errors import MethodError
from lmi_pipeline.methods.non_response import area_characteristics, fit_response, response_factors

MARK = 987654.321


def census() -> pd.DataFrame:
    rows = [("A", "all", 100), ("A", "social", 20), ("A", "private", 30), ("A", "owned", 50)]
    rows += [("B", "all", 200), ("B", "social", 10), ("B", "private", 10), ("B", "owned", 180)]
    return pd.DataFrame(rows, columns=["local_authority_code", "category", "household_count"])


def sample(n: int, seed: int = 0) -> pd.DataFrame:
    """Households of 300 areas; response falls with the share of social renters and by telephone."""
    rng = np.random.default_rng(seed)
    area = rng.integers(0, 300, n)
    social = rng.beta(2, 6, 300)[area]
    mode = rng.choice(["face_to_face", "telephone"], n)
    eta = 1.0 - 3.0 * social - 0.5 * (mode == "telephone")
    return pd.DataFrame(
        {
            "area": area,
            "social_rented": social,
            "owned": rng.beta(5, 3, 300)[area],
            "region": np.array(["north", "south", "west"])[area % 3],
            "mode": mode,
            "eta": eta,
            "responded": rng.random(n) < 1 / (1 + np.exp(-eta)),
        }
    )


def fit(households: pd.DataFrame, **named):
    choices = {"covariates": ["social_rented", "owned"], "factors": ["region", "mode"], **named}
    return fit_response(households, responded="responded", **choices)


def test_shares_of_census_categories() -> None:
    found = area_characteristics(census(), {"rented": ["social", "private"], "owned": ["owned"]}, total="all")
    np.testing.assert_allclose(found["rented"], [0.5, 0.1])
    np.testing.assert_allclose(found["owned"], [0.5, 0.9])
    assert found["local_authority_code"].tolist() == ["A", "B"]


@pytest.mark.parametrize(
    ("frame", "shares", "message"),
    [
        (census().iloc[:-1], {"owned": ["owned"]}, "areas lack owned"),
        (census().iloc[:0], {"owned": ["owned"]}, "every category|lack"),
        (pd.concat([census(), census().iloc[:1]]), {"owned": ["owned"]}, "duplicate"),
        (census().replace({"household_count": {100: 0}}), {"owned": ["owned"]}, "1 of 2 areas"),
        (census().replace({"household_count": {20: -20}}), {"social": ["social"]}, "1 of 2 areas"),
        (census().replace({"household_count": {20: 120}}), {"social": ["social"]}, "more than all of all"),
        (census(), {"owned": ["owned", "owned"]}, "each once"),
        (census(), {"owned": []}, "at least one"),
        (census().drop(columns="category"), {"owned": ["owned"]}, "no column category"),
    ],
)
def test_impossible_census_tables(frame: pd.DataFrame, shares: dict[str, list[str]], message: str) -> None:
    with pytest.raises(MethodError, match=message):
        area_characteristics(frame, shares, total="all")


def test_the_fit_on_counts_is_the_fit_on_households() -> None:
    households = sample(4000)
    found = fit(households, interactions=[("mode", "social_rented")])
    z = households[["social_rented", "owned"]].apply(lambda column: (column - column.mean()) / column.std(ddof=0))
    terms = {"intercept": np.ones(len(households))}
    for name in ("region", "mode"):
        reference = households[name].value_counts().idxmax()
        for level in sorted(set(households[name]) - {reference}):
            terms[f"{name}: {level}"] = (households[name] == level).to_numpy(dtype=float)
    mode = next(term for term in terms if term.startswith("mode"))
    terms |= {name: z[name].to_numpy() for name in z} | {f"{mode} x social_rented": terms[mode] * z["social_rented"]}
    direct = sm.Logit(households["responded"].astype(float), pd.DataFrame(terms)).fit(disp=0, tol=1e-12)
    table = found.coefficients.set_index("term")
    np.testing.assert_allclose(table["coefficient"][list(terms)], direct.params, atol=1e-7)
    np.testing.assert_allclose(table["standard_error"][list(terms)], direct.bse, rtol=1e-5)
    np.testing.assert_allclose(found.propensity, direct.predict(), atol=1e-8)
    assert found.pseudo_r_squared == pytest.approx(direct.prsquared, rel=1e-8)
    yes, no = (found.propensity[households["responded"] == answer] for answer in (True, False))
    pairs = (yes[:, None] > no).mean() + (np.abs(yes[:, None] - no) < 1e-12).mean() / 2
    assert found.auc == pytest.approx(pairs, abs=1e-6)
    assert found.group_count < 700


def test_known_coefficients_are_recovered() -> None:
    households = sample(60_000, 1)
    began = time.perf_counter()
    found = fit(households)
    assert time.perf_counter() - began < 5
    spread = households["social_rented"].std(ddof=0)
    table = found.coefficients.set_index("term")
    social = table.loc["social_rented"]
    assert abs(social["coefficient"] + 3 * spread) < 4 * social["standard_error"]
    np.testing.assert_allclose(found.propensity, 1 / (1 + np.exp(-households["eta"])), atol=0.05)


def test_areas_without_characteristics_have_their_own_level() -> None:
    households = sample(9000, 2)
    north = households["region"] == "north"
    households.loc[north, ["social_rented", "owned"]] = np.nan
    for factors in (["region", "mode"], ["mode"]):
        found = fit(households, factors=factors)
        assert found.without_characteristics == north.sum()
        # The score equation of an indicator: fitted and actual respondents agree.
        assert found.propensity[north].sum() == pytest.approx(households.loc[north, "responded"].sum())
        flagged = "no_area_characteristics" in set(found.coefficients["term"])
        assert flagged == ("region" not in factors)


def test_a_factor_with_one_level_is_reported() -> None:
    found = fit(sample(2000).assign(mode="face_to_face"))
    assert found.constant_factors == ("mode",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"owned": MARK}, "covariate owned is constant"),
        ({"owned": np.nan}, "covariate .* is missing for every household"),
        ({"owned": lambda h: 2 * h["social_rented"] + MARK}, "owned follows from the other"),
        ({"responded": True}, "all or none of 2000"),
        ({"responded": MARK}, "2000 of 2000 values of responded"),
        ({"mode": lambda h: h["mode"].where(h["area"] > 5)}, "have no mode"),
        ({"responded": lambda h: h["mode"] == "telephone"}, "separation.* 2 of 2 levels of mode"),
        ({"responded": lambda h: h["responded"] | (h["region"] == "north")}, "separation.* 1 of 3 levels of region"),
        ({"responded": lambda h: h["owned"] > h["owned"].median()}, "separation"),
    ],
)
def test_impossible_models_are_counted_not_shown(change: dict[str, object], message: str) -> None:
    with pytest.raises(MethodError, match=message) as error:
        fit(sample(2000).assign(**change))
    assert str(MARK) not in str(error.value)
    assert not re.search(r"north|telephone", str(error.value))


def test_a_model_needs_households_and_known_interactions() -> None:
    with pytest.raises(MethodError, match="no households"):
        fit(sample(2000).iloc[:0])
    with pytest.raises(MethodError, match="interaction owned x mode"):
        fit(sample(2000), interactions=[("owned", "mode")])
    with pytest.raises(MethodError, match="no column rent"):
        fit(sample(2000), covariates=["rent"])


def test_two_classes_by_hand() -> None:
    p = np.array([0.2, 0.2, 0.2, 0.2, 0.8, 0.8, 0.8, 0.8])
    answered = np.array([1, 0, 0, 0, 1, 1, 1, 0], dtype=bool)
    found = response_factors(p, answered, classes=2)
    np.testing.assert_allclose(found.factors, [4, 0, 0, 0, 4 / 3, 4 / 3, 4 / 3, 0])
    np.testing.assert_allclose(found.classes["response_rate"], [0.25, 0.75])
    np.testing.assert_allclose(found.classes["mean_factor"], [4, 4 / 3])
    assert found.classes["household_count"].tolist() == [4, 4]
    assert found.largest_factor == pytest.approx(4)
    assert found.smallest_factor == pytest.approx(4 / 3)
    assert (found.share_trimmed, found.exempt_count) == (0, 0)
    # Four factors with mean 2: 4 (16 + 3 * 16 / 9) / 64.
    assert found.design_effect == pytest.approx(4 / 3)


def test_classes_are_weighted() -> None:
    d = np.array([1.0, 3.0, 2.0, 2.0])
    found = response_factors(
        np.array([0.3, 0.3, 0.7, 0.7]), np.array([True, False, True, True]), classes=2, base_weights=d
    )
    np.testing.assert_allclose(found.factors, [4, 0, 1, 1])


@pytest.mark.parametrize("method", ["weighting_class", "inverse"])
@pytest.mark.parametrize("ratio", [None, 1.05, 1.5])
def test_respondents_stand_for_all_issued(method: str, ratio: float | None) -> None:
    households = sample(5000, 3)
    answered = households["responded"].to_numpy()
    d = np.random.default_rng(1).uniform(1, 5, len(households))
    p = fit(households).propensity
    found = response_factors(p, answered, method=method, maximum_ratio=ratio, base_weights=d)
    assert (d * found.factors).sum() == pytest.approx(d.sum())
    assert (found.factors[~answered] == 0).all()
    mean = d.sum() / d[answered].sum()
    if ratio:
        assert found.largest_factor <= ratio * mean * (1 + 1e-12)
        assert found.share_trimmed == pytest.approx(np.isclose(found.factors[answered], ratio * mean).mean())
    if ratio == 1.05:
        assert found.share_trimmed > 0


def test_the_inverse_factor_is_proportional_to_the_inverse_propensity() -> None:
    households = sample(5000, 4)
    answered, p = households["responded"].to_numpy(), fit(households).propensity
    products = (response_factors(p, answered, method="inverse").factors * p)[answered]
    np.testing.assert_allclose(products, products[0])


def test_exempt_households_are_left_alone() -> None:
    households = sample(5000, 5)
    answered = households["responded"].to_numpy()
    exempt = (households["region"] == "north").to_numpy()
    p = fit(households).propensity
    found = response_factors(p, answered, exempt=exempt)
    assert (found.factors[exempt & answered] == 1).all()
    alone = response_factors(p[~exempt], answered[~exempt])
    np.testing.assert_allclose(found.factors[~exempt], alone.factors)
    assert found.exempt_count == exempt.sum()
    everybody = response_factors(p, answered, exempt=np.ones_like(exempt))
    assert everybody.factors.sum() == answered.sum()
    assert everybody.classes.empty


def test_a_class_without_respondents_joins_its_neighbour() -> None:
    p = np.repeat([0.1, 0.5, 0.9], 4)
    for empty, expected in ((0, [0, 2, 1]), (1, [1, 0, 2]), (2, [1, 2, 0])):
        answered = np.repeat(np.arange(3) != empty, 4)
        found = response_factors(p, answered, classes=3)
        np.testing.assert_allclose(found.factors[::4], expected)
        assert len(found.classes) == 2


@pytest.mark.parametrize("method", ["weighting_class", "inverse"])
def test_the_adjusted_mean_is_close_to_the_truth(method: str) -> None:
    """Response and the variable depend on the covariate: the bias of the respondents' mean goes."""
    raw, adjusted = [], []
    for seed in range(20):
        households = sample(8000, seed)
        answered = households["responded"].to_numpy()
        y = households["social_rented"].to_numpy() * 10 + np.random.default_rng(seed).normal(size=len(households))
        factors = response_factors(fit(households).propensity, answered, method=method, classes=20).factors
        raw.append(y[answered].mean() - y.mean())
        adjusted.append((factors @ y) / factors.sum() - y.mean())
    assert np.mean(raw) < -0.1
    assert abs(np.mean(adjusted)) < (0.01 if method == "inverse" else 0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"propensity": np.array([MARK, 0.5])}, "1 of 2 propensities"),
        ({"propensity": np.array([np.nan, 0.5])}, "1 of 2 propensities"),
        ({"propensity": np.zeros(0), "responded": np.zeros(0, dtype=bool)}, "no households"),
        ({"responded": np.array([True])}, "responded has shape"),
        ({"responded": np.array([False, False])}, "none of 2"),
        ({"base_weights": np.array([-MARK, 1.0])}, "1 of 2 base weights"),
        ({"method": "magic"}, "no method"),
        ({"classes": 0}, "0 classes"),
        ({"maximum_ratio": 1.0}, "maximum ratio"),
    ],
)
def test_impossible_factors(arguments: dict[str, object], message: str) -> None:
    given = {"propensity": np.array([0.4, 0.6]), "responded": np.array([True, False]), **arguments}
    with pytest.raises(MethodError, match=message) as error:
        response_factors(given.pop("propensity"), given.pop("responded"), **given)
    assert str(MARK) not in str(error.value)
