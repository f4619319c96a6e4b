"""scikit-learn's own checks of estimators, all of them, on the engine of the run."""

import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.utils.estimator_checks import parametrize_with_checks

from pyphoton.interop import PhotonClassifier, PhotonRegressor


@parametrize_with_checks([PhotonClassifier(), PhotonRegressor()])
def test_scikit_learns_own_check(estimator, check):
    """One check of scikit-learn's; none is excused."""
    check(estimator)
