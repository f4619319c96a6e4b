"""scikit-learn's own checks of estimators, all of them, on the engine of the run."""

import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.utils.estimator_checks import estimator_checks_generator

from pyphoton.interop import PhotonClassifier, PhotonRegressor

CHECKS = [pair for estimator in (PhotonClassifier(), PhotonRegressor()) for pair in estimator_checks_generator(estimator)]


@pytest.mark.slow
@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=[f"{type(e).__name__}-{getattr(c, 'func', c).__name__}" for e, c in CHECKS])
def test_scikit_learns_own_check(estimator, check, monkeypatch):
    """One check of scikit-learn's; none is excused, and that of array API inputs is asked for."""
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)


def test_there_are_checks():
    """The test above has something to run: scikit-learn has about fifty for each."""
    assert len(CHECKS) > 80
