import math
import random

import numpy as np
import pytest

from photocap.captioning.confidence import (
    Platt,
    auroc,
    expected_calibration_error,
    fit_platt,
    recalibrated,
    reliability_table,
)


def outcomes(platt, n=4000, seed=0):
    """Scores like log-probabilities, and outcomes drawn with the probabilities of a known calibration."""
    rng = random.Random(seed)
    scores = [-rng.gammavariate(4, 0.2) for _ in range(n)]
    return scores, [rng.random() < platt(s) for s in scores]


def fit(scores, right):
    """Fit to one score of each caption."""
    return fit_platt(np.array(scores).reshape(-1, 1), right)


@pytest.mark.parametrize("true", [Platt((4.0,), 4.5), Platt((1.0,), -1.0), Platt((-2.0,), 0.3)])
def test_fit_finds_the_calibration_that_made_the_outcomes(true):
    fitted = fit(*outcomes(true, n=20000))
    assert fitted.scales == pytest.approx(true.scales, abs=0.25)
    assert fitted.offset == pytest.approx(true.offset, abs=0.25)


def test_a_fitted_confidence_is_calibrated_on_new_captions():
    true = Platt((4.0,), 3.0)
    fitted = fit(*outcomes(true))
    scores, right = outcomes(true, seed=1)
    raw = [math.exp(s) for s in scores]
    calibrated = [fitted(s) for s in scores]
    assert expected_calibration_error(calibrated, right) < 0.03 < expected_calibration_error(raw, right)


def test_two_scores_are_weighed_by_what_each_tells():
    rng = np.random.default_rng(0)
    scores = np.column_stack([rng.normal(-1.0, 0.5, 20000), rng.normal(0.4, 0.1, 20000), np.full(20000, 7.0)])
    true = Platt((2.0, 8.0, 0.0), -1.0)
    fitted = fit_platt(scores, [bool(rng.random() < true(*row)) for row in scores.tolist()])
    assert fitted.scales == pytest.approx(true.scales, abs=0.6)
    assert fitted.scales[2] == 0.0  # always the same: it tells nothing
    assert fitted.offset == pytest.approx(true.offset, abs=0.25)


def test_a_handful_of_captions_gives_no_wild_weights():
    rng = np.random.default_rng(0)
    for _ in range(200):
        scores = np.column_stack([rng.normal(-1.0, 0.5, 4), rng.normal(0.4, 0.1, 4)])
        fitted = fit_platt(scores, [bool(x) for x in rng.random(4) < 0.7])
        assert np.abs(np.array(fitted.scales) * scores.std(axis=0)).max() < 1.5


def test_separated_and_constant_scores_stay_finite():
    separated = fit([-3.0, -2.0, -1.0, -0.5], [False, False, True, True])
    assert 0.5 < separated(-0.5) < 0.99
    assert 0.01 < separated(-3.0) < 0.5
    constant = fit([-1.0] * 10, [True] * 8 + [False] * 2)
    assert constant(-1.0) == pytest.approx(0.75, abs=0.05)
    assert 0 < fit([], [])(-1.0) < 1
    assert fit([-1.0, -2.0], [True, True])(-1.0) > 0.5


def test_extreme_scores_do_not_overflow():
    assert Platt((1.0,), 0.0)(-1e6) == 0.0
    assert Platt((1.0,), 0.0)(1e6) == 1.0
    assert 0 <= fit([-1e9, -1.0, 0.0, 1e9], [False, True, False, True])(0.0) <= 1


def test_reliability_table_and_error_by_hand():
    confidences, right = [0.05, 0.15, 0.12, 1.0], [False, True, False, True]
    table = reliability_table(confidences, right)
    assert [(b.low, b.count, b.accuracy) for b in table] == [(0.0, 1, 0.0), (0.1, 2, 0.5), (0.9, 1, 1.0)]
    assert expected_calibration_error(confidences, right) == pytest.approx((0.05 + 2 * (0.5 - 0.135) + 0) / 4)
    assert expected_calibration_error([], []) == 0


def test_recalibration_mends_an_overconfident_model():
    scores, right = outcomes(Platt((4.0,), 3.0))
    overconfident = [Platt((8.0,), 9.0)(s) for s in scores]
    before = expected_calibration_error(overconfident, right)
    after = expected_calibration_error(recalibrated(overconfident, right), right)
    assert after < before / 3


def test_recalibration_judges_no_caption_by_itself():
    # In the even places sure captions are right, in the odd places wrong: each half is judged by the other.
    confidences = [0.9, 0.9, 0.1, 0.1] * 10
    right = [True, False, False, True] * 10
    sure_even, sure_odd, unsure_even, unsure_odd = recalibrated(confidences, right)[:4]
    assert sure_even < unsure_even
    assert sure_odd > unsure_odd


def test_auroc_by_hand_with_ties():
    assert auroc([0.1, 0.4, 0.35, 0.8], [False, False, True, True]) == 0.75
    assert auroc([0.5, 0.5], [True, False]) == 0.5
    assert auroc([0.5, 0.6], [True, True]) is None
