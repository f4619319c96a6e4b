"""Searches of scikit-learn over networks in Julia: worker processes start their own, a forked one is refused, files go to another engine."""

import pytest
from processes import output

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
pytestmark = pytest.mark.usefixtures("julia")

SEARCH = """
import joblib, pickle
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from pyphoton.interop import PhotonClassifier
X, y = load_iris(return_X_y=True)
net = PhotonClassifier(hidden=8, epochs=5, batch_size=16, backend="julia", random_state=0)
def search(jobs, **options):
    return GridSearchCV(net, {"optimizer__lr": [0.0, 0.05]}, cv=2, n_jobs=jobs, error_score="raise", **options).fit(X, y)
"""


def test_worker_processes_start_their_own_julia():
    """Two workers of loky find what this process finds, with its Julia running already."""
    code = "one = search(1); two = search(2); print(one.best_score_ == two.best_score_ > 0.8, (one.predict(X) == two.predict(X)).all())"
    assert output(SEARCH + code).split()[-2:] == ["True", "True"]


def test_a_forked_worker_says_so():
    """joblib's multiprocessing forks: a Julia that runs already is refused there in words, and goes on here."""
    code = """
from pyphoton import Unsupported
first = net.fit(X, y).score(X, y)
try:
    with joblib.parallel_backend("multiprocessing"):
        search(2)
except Unsupported as error:
    print(error)
print(net.fit(X, y).score(X, y) == first)
"""
    said = output("import warnings; warnings.simplefilter('ignore')" + SEARCH + code)
    assert "Julia: expected the process that started it, received a forked one" in said
    assert said.split()[-1] == "True"


def test_what_julia_trained_predicts_on_another_engine():
    """Pickled here, read where another backend is asked for: the same probabilities, to rounding of float64."""
    code = """
import numpy as np
net.fit(X, y)
data = pickle.dumps(net)
there = pickle.loads(data).set_params(backend="numpy")
print(b"pyphoton.backends" in data)
print(np.abs(there.predict_proba(X) - net.predict_proba(X)).max() < 1e-12)
"""
    assert output(SEARCH + code).split()[-2:] == ["False", "True"]
