"""Scores of codes against factors: what theory says, what others compute, what cannot be scored."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import mutual_info_score

from workloads.disentanglement.scorable import BINS, factor_trouble
from workloads.disentanglement.scores import ScoreError, evaluate, into_bins, measure_information
from workloads.disentanglement.scores.forests import Search, completeness, dci, disentanglement, predict_at_depths
from workloads.disentanglement.scores.information import dcimig, jemmig, mig, modularity
from workloads.disentanglement.scores.interventions import HeldFactors, z_diff, z_min_var
from workloads.disentanglement.scores.predictors import measure_accuracies, sap
from workloads.disentanglement.scores.samples import checked, two_parts

RECORDED = Path(__file__).parents[2] / "recorded" / "published_scores.json"
QUICK = Search(depths=(8,), candidates=(1.0,), folds=2)

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def drawing(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def grid(*sizes: int) -> Integers:
    """All combinations of so many values."""
    factors: Integers = np.indices(sizes).reshape(len(sizes), -1).T
    return factors


def turned(factors: npt.NDArray[np.number[Any]]) -> Floats:
    """The first two factors turned by 45 degrees."""
    first, second, *others = factors.T
    return np.stack([first + second, first - second, *others], axis=1).astype(np.float64)


XYC = grid(53, 53, 5)
SMALL = grid(12, 12, 5)
UNIFORM = drawing(3).integers(10**6, size=(10_000, 3))


def on_a_circle(factors: Integers) -> Floats:
    """The first of two factors as cosine and sine."""
    angle = factors[:, 0] * (2 * np.pi / 10**6)
    return np.stack([np.cos(angle), np.sin(angle), factors[:, 1]], axis=1)


@pytest.mark.parametrize(
    ("codes", "factors", "expected"),
    [
        pytest.param(XYC * 1.0, XYC, (1.0, 1.0), id="xyc"),
        pytest.param(turned(XYC), XYC, (0.416, 0.259), id="xyc turned"),
        pytest.param(drawing().random(XYC.shape), XYC, (0.0008, 0.0003), id="xyc unknown"),
        pytest.param(UNIFORM * 1.0, UNIFORM, (0.999, 0.998), id="uniform"),
        pytest.param(turned(UNIFORM), UNIFORM, (0.416, 0.334), id="uniform turned"),
        pytest.param(drawing().random(UNIFORM.shape), UNIFORM, (0.0012, 0.0002), id="uniform unknown"),
        pytest.param(on_a_circle(UNIFORM), UNIFORM[:, :2], (0.678, 0.819), id="one as cosine and sine"),
    ],
)
def test_scores_of_information_are_those_of_an_independent_program(
    codes: Floats, factors: Integers, expected: tuple[float, float]
) -> None:
    information = measure_information(*checked(codes, factors))
    assert (jemmig(information), dcimig(information)) == pytest.approx(expected, rel=0.01, abs=5e-4)


def test_information_is_what_scikit_learn_computes() -> None:
    codes, factors = drawing().normal(size=(500, 4)), drawing(2).integers(7, size=(500, 3))
    codes[:, 0] += factors[:, 0]
    information = measure_information(codes, factors)
    bins = into_bins(codes)
    expected = [[mutual_info_score(f, z) / np.log(2) for z in bins.T] for f in factors.T]
    np.testing.assert_allclose(information.mutual, expected, atol=1e-12)
    np.testing.assert_allclose(information.factors, [mutual_info_score(f, f) / np.log(2) for f in factors.T])
    pairs = [[mutual_info_score(BINS * f + z, BINS * f + z) / np.log(2) for z in bins.T] for f in factors.T]
    np.testing.assert_allclose(information.joint, pairs)


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    """Codes and factors, and what two published codes make of them."""
    document: dict[str, Any] = json.loads(RECORDED.read_text())
    codes, factors = checked(np.array(document["codes"]), np.array(document["factors"]))
    return {**document, "codes": codes, "factors": factors}


def test_scores_without_chance_are_the_published_ones(recorded: dict[str, Any]) -> None:
    information, ubisoft = measure_information(recorded["codes"], recorded["factors"]), recorded["ubisoft"]
    for score in (jemmig, dcimig, modularity):
        assert score(information) == pytest.approx(ubisoft[score.__name__], abs=1e-12)
    disent = recorded["disent"]
    assert mig(information) == pytest.approx(disent["mig"], abs=1e-12)
    np.testing.assert_allclose(information.mutual.T * np.log(2), disent["mutual_information_nats"], atol=1e-12)
    importances = np.array(disent["importances"])
    assert disentanglement(importances) == pytest.approx(disent["disentanglement"], abs=1e-8)
    assert completeness(importances) == pytest.approx(disent["completeness"], abs=1e-8)


def test_the_published_mig_of_one_code_divides_by_another_entropy(recorded: dict[str, Any]) -> None:
    information = measure_information(recorded["codes"], recorded["factors"])
    ordered = np.sort(information.mutual / information.codes, axis=1)
    theirs = float(np.mean(ordered[:, -1] - ordered[:, -2]))
    assert theirs == pytest.approx(recorded["ubisoft"]["mig_by_entropy_of_codes"], abs=1e-12)


@pytest.mark.parametrize("score", [z_diff, z_min_var])
def test_scores_of_held_factors_agree_with_the_published_ones_up_to_chance(
    recorded: dict[str, Any], score: Callable[..., float]
) -> None:
    ours = [score(recorded["codes"], recorded["factors"], drawing(seed)) for seed in range(3)]
    theirs = recorded["ubisoft"][score.__name__]
    assert np.mean(ours) == pytest.approx(np.mean(theirs), abs=0.05)


def test_accuracies_of_single_codes_are_the_published_ones(recorded: dict[str, Any]) -> None:
    codes, factors = recorded["codes"], recorded["factors"]
    found = measure_accuracies(codes, factors, np.arange(400), np.arange(400, 600))
    np.testing.assert_allclose(found.T, recorded["disent"]["sap_accuracies"], atol=0.011)
    ordered = np.sort(measure_accuracies(codes, factors, *two_parts(600, drawing())), axis=1)
    assert sap(codes, factors, drawing()) == pytest.approx(np.mean(ordered[:, -1] - ordered[:, -2]))


def test_forests_agree_with_the_published_ones_up_to_chance_and_where_they_are_tested(recorded: dict[str, Any]) -> None:
    found = dci(recorded["codes"], recorded["factors"], drawing(), Search(depths=(8,), candidates=(0.8,), folds=2))
    ubisoft = recorded["ubisoft"]
    for name in ("dci_disentanglement", "dci_completeness"):
        assert found[name] == pytest.approx(np.mean(ubisoft[name]), abs=0.05)
    # Ours are tested on other samples than they were fitted to; those published are not, and so look better.
    assert 0.4 < found["dci_informativeness"] < 0.7 < min(ubisoft["dci_informativeness_on_training_points"])


def test_a_forest_cut_off_at_a_depth_is_one_that_was_grown_to_it() -> None:
    codes = drawing().random((1000, 3))
    values = codes @ [0.5, 0.3, 0.2] + 0.1 * drawing(2).random(1000)

    def grown(depth: int) -> RandomForestRegressor:
        # All codes are candidates at every node, so that no draw depends on how many nodes were split before.
        return RandomForestRegressor(3, max_depth=depth, random_state=1).fit(codes[:800], values[:800])

    depths = (2, 4, 64)
    expected = [grown(depth).predict(codes[800:]) for depth in depths]
    np.testing.assert_allclose(predict_at_depths(grown(64), codes[800:], depths), expected, rtol=1e-12)


def test_forests_are_the_same_grown_by_any_number_of_threads(recorded: dict[str, Any]) -> None:
    one, two = (dci(recorded["codes"], recorded["factors"], drawing(), QUICK, workers=count) for count in (1, 2))
    assert one == pytest.approx(two)


def test_factors_themselves_score_best() -> None:
    found = evaluate(SMALL * 1.0, SMALL, drawing(), forests=False)
    assert [found[name] for name in ("z_diff", "z_min_var", "modularity")] == pytest.approx([1, 1, 1])
    assert found["jemmig"] > 0.98 and found["dcimig"] > 0.97 and found["mig"] > 0.98
    assert dci(*checked(SMALL * 1.0, SMALL), drawing(), QUICK)["dci"] > 0.97


def test_codes_that_know_nothing_score_nothing() -> None:
    codes, factors = drawing(5).random((3000, 5)), drawing(6).integers(10, size=(3000, 3))
    found = evaluate(codes, factors, drawing(), forests=False)
    for name in ("z_diff", "z_min_var", "mig", "jemmig", "dcimig", "sap", "explicitness"):
        assert abs(found[name]) < 0.05, name
    # What independent samples appear to tell of each other: about (bins - 1)^2 / (2 n ln 2) bits.
    bias = (BINS - 1) ** 2 / (2 * len(codes) * np.log(2))
    assert measure_information(codes, factors).mutual.mean() == pytest.approx(bias, rel=0.1)
    scores = dci(*checked(codes, factors), drawing(), QUICK)
    assert max(scores["dci_disentanglement"], scores["dci_completeness"], scores["dci_informativeness"]) < 0.1


def test_two_factors_turned_into_each_other_are_told_apart_from_the_third_alone() -> None:
    found = evaluate(turned(SMALL), SMALL, drawing(), forests=False)
    # The third is told; which of the first two is held nobody can tell: two of three right, half way above chance.
    assert found["z_diff"] == pytest.approx(0.5, abs=0.03) and found["z_min_var"] == pytest.approx(0.5, abs=0.1)
    assert found["dcimig"] < 0.35 and found["modularity"] == pytest.approx(2 / 3, abs=0.01)


def test_scores_do_not_depend_on_the_unit_of_the_codes() -> None:
    codes = SMALL + drawing().normal(size=SMALL.shape)
    expected = evaluate(codes, SMALL, drawing(), forests=False)
    assert evaluate(3e-4 * codes + 0.5, SMALL, drawing(), forests=False) == pytest.approx(expected, abs=2e-3)


def test_forests_change_no_other_score_and_the_same_random_numbers_give_the_same() -> None:
    factors = grid(6, 6)
    codes = factors + drawing().normal(size=factors.shape)
    without = evaluate(codes, factors, drawing(), forests=False)
    ticks: list[None] = []
    whole = evaluate(codes, factors, drawing(), True, lambda: ticks.append(None))
    # A sign of life for each of nine scores, and for each forest: four numbers of candidates, ten folds, two factors.
    assert len(ticks) == 9 + 80
    added = {"dci_disentanglement", "dci_completeness", "dci_informativeness", "dci"}
    assert whole.keys() - without.keys() == added and {name: whole[name] for name in without} == without


def test_a_code_that_does_not_vary_carries_nothing_and_is_counted() -> None:
    alone = evaluate(SMALL * 1.0, SMALL, drawing(), forests=False)
    rounding = 4 + 1e-7 * drawing().normal(size=(len(SMALL), 1))
    found = evaluate(np.hstack([SMALL, rounding]), SMALL, drawing(), forests=False)
    assert (alone["constant_codes"], found["constant_codes"]) == (0, 1)
    assert {name: found[name] for name in ("mig", "jemmig", "dcimig")} == {
        name: pytest.approx(alone[name]) for name in ("mig", "jemmig", "dcimig")
    }
    assert found["modularity"] == pytest.approx(alone["modularity"] * 3 / 4)


def test_an_encoder_that_has_collapsed_scores_nothing() -> None:
    found = evaluate(np.full((len(SMALL), 3), 0.7), SMALL, drawing(), forests=False)
    assert found.pop("constant_codes") == 3
    assert found == {name: pytest.approx(0, abs=0.05) for name in found}
    assert dci(*checked(np.ones((len(SMALL), 3)), SMALL), drawing(), QUICK)["dci"] < 0.05


def test_few_samples_can_be_scored_all_the_same() -> None:
    factors = np.stack([np.arange(11), np.r_[np.zeros(10, int), 1]], axis=1)
    for seed in range(5):
        found = evaluate(drawing(seed).normal(size=(11, 2)), factors, drawing(seed), forests=False)
        assert all(map(np.isfinite, found.values()))


@pytest.mark.parametrize(
    ("codes", "factors", "words"),
    [
        pytest.param(SMALL * 1.0, SMALL * [1, 0, 1], "constant factors: 1", id="constant factor"),
        pytest.param(SMALL * 1.0, SMALL * 0.5, "float64 and so continuous", id="continuous factors"),
        pytest.param(SMALL[:10] * 1.0, SMALL[:10], "10 samples: more than the 10 bins", id="fewer samples than bins"),
        pytest.param(SMALL * [1, np.nan, 1], SMALL, r"codes \[1\] are not finite in 720 of 720", id="not a number"),
        pytest.param(
            np.where([False, False, True], np.inf, SMALL), SMALL, r"codes \[2\] are not finite", id="infinite"
        ),
        pytest.param(SMALL[:, :1] * 1.0, SMALL, r"codes have shape \(720, 1\)", id="one code"),
        pytest.param(SMALL[1:] * 1.0, SMALL, r"shape \(719, 3\), factors \(720, 3\)", id="other samples"),
        pytest.param(SMALL * 1.0, SMALL[:, :1], r"factors have shape \(720, 1\)", id="one factor"),
    ],
)
def test_what_cannot_be_scored_is_named(codes: Floats, factors: Integers, words: str) -> None:
    with pytest.raises(ScoreError, match=words):
        evaluate(codes, factors, drawing(), forests=False)


def test_trouble_with_factors_is_known_by_their_names_before_training() -> None:
    assert factor_trouble(SMALL) == ""
    assert "constant factors: hue, shape." in factor_trouble(SMALL * [1, 0, 0], ["scale", "hue", "shape"])


def test_evenly_spaced_classes_stay_apart_in_bins() -> None:
    for classes in range(2, BINS + 1):
        values = np.arange(classes)[:, None]
        assert len(np.unique(into_bins(values))) == len(np.unique(into_bins(values / (classes - 1)))) == classes


def test_what_is_drawn_agrees_in_the_held_factor_and_takes_its_values_as_equally_likely() -> None:
    factors = np.stack([np.repeat([0, 1, 2], [500, 40, 1]), np.arange(541) % 7], axis=1)
    held = HeldFactors(factors)
    one, other = held.draw_pairs(0, 50, drawing())
    assert np.array_equal(factors[one, 0], factors[other, 0]) and (one != other).all()
    # The value that occurs once has no pairs.
    assert np.bincount(factors[one.ravel(), 0], minlength=3) / one.size == pytest.approx([0.5, 0.5, 0], abs=0.03)
    rows = factors[held.draw_rows(0, 50, drawing()), 0]
    assert (rows == rows[:, :1]).all() and {0, 1} == set(rows[:, 0].tolist())
