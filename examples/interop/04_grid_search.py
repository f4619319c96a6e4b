"""GridSearchCV over a network: its width, its rate, its weight decay; on either engine, in worker processes."""

import os

from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pyphoton import Dense, Dropout, Sequential, relu
from pyphoton.interop import PhotonClassifier

epochs, jobs = int(os.environ.get("EPOCHS", 20)), int(os.environ.get("JOBS", 2))

X, Y = load_digits(return_X_y=True)
X, X_test, Y, Y_test = train_test_split(X, Y, test_size=500, random_state=0)


def make(outputs, units=32, drop=0.0):
    """The search asks for models of different sizes, so a function makes them. It knows the number of classes as `outputs`."""
    return Sequential(Dense(units, relu), Dropout(drop), Dense(outputs))


network = PhotonClassifier(make, optimizer="adam", epochs=epochs, batch_size=64, dtype="float32", random_state=0)

# "model__" goes to the function above, "optimizer__" to Adam; the pipeline adds its name for the step in front.
steps = make_pipeline(StandardScaler(), network)
grid = {
    "photonclassifier__model__units": [8, 64],
    "photonclassifier__model__drop": [0.0, 0.3],
    "photonclassifier__optimizer__lr": [0.0003, 0.01],
}

if __name__ == "__main__":  # worker processes read this file, too
    search = GridSearchCV(steps, grid, cv=3, n_jobs=jobs).fit(X, Y)
    for settings, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        print(f"{score:.3f}", {name.rpartition("__")[2]: value for name, value in settings.items()})

    best = search.best_estimator_[-1]
    print(f"loss: {best.loss_curve_[0]:.3f} -> {best.loss_curve_[-1]:.3f}")
    print(f"cross validated: {search.best_score_:.3f}")
    print(f"accuracy: {search.score(X_test, Y_test):.3f}")
