"""scikit-learn's own checks of estimators, all of them, on the engine of the run."""

import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.utils.estimator_checks import parametrize_with_checks

from pyphoton.interop import PhotonClassifier, PhotonRegressor


@pytest.mark.slow
@parametrize_with_checks([PhotonClassifier(), PhotonRegressor()])
def test_scikit_learns_own_check(estimator, check, monkeypatch):
    """One check of scikit-learn's; none is excused, and that of array API inputs is asked for."""
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)
