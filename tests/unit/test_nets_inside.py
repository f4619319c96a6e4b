"""What tables, pictures, statistics, costs and files show of nets and scans."""

from typing import Any

import numpy as np
import pytest

from pyphoton import (
    MSE,
    SGD,
    Adam,
    Dense,
    PhotonError,
    Sequential,
    Workout,
    activation_statistics,
    fit_,
    get_backend,
    gradient_statistics,
    load_workout,
    save_workout,
    summary,
)
from pyphoton.drawing import boxes_of
from pyphoton.flux import net, randn, recurrent, unroll, zeros
from pyphoton.table import forward_plan, layer_names

X, Y = np.random.default_rng(1).normal(size=(6, 5, 3)), np.random.default_rng(2).normal(size=(6, 5, 2))


@net
class Affine:
    """x W + b."""

    W: Any
    b: Any

    def forward(self, x):
        """One line."""
        return x @ self.W + self.b


def model():
    """An unrolled net between others."""
    return Sequential(unroll(recurrent.Recurrent(3, 4), 5), Affine(randn(4, 2), randn(2)))


def workout():
    """The model, after one epoch."""
    return fit_(Workout(model(), MSE(), SGD(0.01)), [(X, Y)], epochs=1, verbose=False)


def test_summary_has_a_row_for_each():
    """A scan with all that is in it, its start included, and a net with its arrays; work is that of all steps."""
    found = summary(workout())
    assert [(r.path, r.shape, r.parameters) for r in found.rows] == [("0", (None, 5, 4), 3 * 4 + 4 * 4 + 4 + 4), ("1", (None, 5, 2), 10)]
    assert found.multiply_adds == 5 * (3 * 4 + 4 * 4) + 5 * 4 * 2
    assert (found.total, found.trained) == (46, 42)
    assert found.rows[1].layer == "Affine(W(4, 2), b(2,))"


def test_a_shared_net_counts_once():
    """The second time it stands in a model it has no parameters of its own."""
    one = Affine(randn(3, 3), randn(3))
    found = summary(Sequential(one, Dense(3), one), input_shape=3)
    assert [r.parameters for r in found.rows] == [12, 12, 0]
    assert found.total == 24


def test_picture_has_no_arrays():
    """Boxes for what is done; a scan comes from the input and goes to the output."""
    found = workout()
    boxes = boxes_of(forward_plan(found.network, None), layer_names(found.model))
    titles = [b.title for b in boxes]
    assert len(titles) == 5 and sum("Affine" in t for t in titles) == 2
    assert all(b.sources for b in boxes[1:])


def test_statistics_of_activations_and_gradients():
    """A scan's outputs are one layer's; each of the net's arrays has a gradient."""
    found = workout()
    rows = activation_statistics(found, X)
    assert [r.path for r in rows] == ["0", "1"]
    assert rows["1"].mean == pytest.approx(found.predict(X).mean(), rel=1e-4)
    assert {r.path.split(".")[-1] for r in gradient_statistics(found, (X, Y))} == {"Wxy", "Wyy", "by", "W", "b"}


def test_numpy_opens_what_was_trained(tmp_path):
    """A saved workout with a scan predicts the same on NumPy."""
    found = fit_(Workout(model(), MSE(), Adam(0.1)), (X, Y), epochs=2, verbose=False)
    save_workout(found, tmp_path / "w.pp", architecture=False)
    again = load_workout(tmp_path / "w.pp", model=model(), backend="numpy")
    np.testing.assert_allclose(again.predict(X), found.predict(X), rtol=1e-5, atol=1e-6)


def test_mixed_precision():
    """Where the engine has bfloat16: trained, finite, and near to float32."""
    if "bfloat16" not in get_backend().precisions:
        pytest.skip(f"backend {get_backend().name} has no mixed precision")
    found = Workout(model(), MSE(), Adam(0.01), precision="bfloat16", seed=1)
    before = found.evaluate((X, Y))["loss"]
    fit_(found, [(X, Y)] * 3, epochs=10, verbose=False)
    assert found.evaluate((X, Y))["loss"] < before


def test_no_values_in_plans():
    """What is sent to engines and files names a net's arrays and does not hold them."""
    big = Sequential(Affine(randn(300, 300), randn(300)))
    made = forward_plan(Workout(big, MSE(), SGD()).network, 300)
    assert len(made.to_json()) < 5000


def test_error_of_an_unknown_activation_in_a_scan():
    """An error inside of a body names the place."""
    with pytest.raises(PhotonError, match="0"):
        unroll(Sequential(Affine(randn(3, 2), randn(2)), Affine(randn(3, 2), zeros(2))), 5)(X)
