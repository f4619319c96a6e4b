"""Losses are added, subtracted and scaled like numbers; what comes out is a loss that trains, prints itself and is saved."""

import numpy as np
import pytest

from pyphoton import MAE, MSE, SGD, BCELoss, Dense, LossSum, Workout, load_workout, nll, save_workout
from pyphoton.description import from_config, to_config

P, Y = np.array([[1.0, 4.0]]), np.array([[0.0, 1.0]])  # squares 1 and 9, distances 1 and 3


def cubes(p, y):
    """A loss of the user's: 1 and 27."""
    return (abs(p - y) ** 3).mean()


@pytest.mark.parametrize(("loss", "value"), [
    (MSE() + 0.1 * MAE(), 5.2), (0.5 * MSE(), 2.5), (MSE() - MAE(), 3.0), (MSE() * 2 + MAE() / 4, 10.5), (-MSE(), -5.0),
    (MSE() + cubes, 19.0), (cubes + MSE(), 19.0), (cubes - MAE(), 12.0), (sum([MSE(), MAE(), MAE()]), 9.0),
    (2 * (MSE() + 0.5 * (MAE() - MSE())), 7.0), (MSE() + MSE(), 10.0),
])  # fmt: skip
def test_a_sum_of_losses_is_the_sum_of_their_values(loss, value):
    """On arrays, by hand: MSE is 5, MAE 2, the cubes 14."""
    assert isinstance(loss, LossSum)
    np.testing.assert_allclose(loss(P, Y), value, rtol=1e-12)


def test_sums_are_flat_and_print_what_was_written():
    """A sum of sums is one sum, and what it prints makes an equal one; so does its JSON."""
    loss = (MSE() + 0.1 * MAE()) * 3
    assert repr(loss) == "3 * MSE() + 0.30000000000000004 * MAE()"
    assert len((loss + loss).losses) == 4
    for made, text in ((MSE() - 0.5 * MAE(), "MSE() + -0.5 * MAE()"), (nll + MSE(), "nll + MSE()"), (2 * (nll + MSE()), "LossSum((nll, MSE()), (2.0, 2.0))"), (loss, repr(loss))):
        assert repr(made) == text
        names = {"MSE": MSE, "MAE": MAE, "nll": nll, "LossSum": LossSum}
        assert to_config(eval(text, names)) == to_config(made)
        assert repr(from_config(to_config(made))) == text
    assert isinstance(1 * MSE(), MSE)


@pytest.mark.parametrize("wrong", [lambda: MSE() + 0.1, lambda: MSE() * "2", lambda: MSE() * MAE(), lambda: MSE() + MAE, lambda: MSE() * float("nan"), lambda: MSE() / 0, lambda: 3 - MSE()])
def test_what_is_no_loss_cannot_be_added(wrong):
    """Numbers are not added, losses not multiplied: Python's own error names the operation."""
    with pytest.raises((TypeError, ZeroDivisionError)):
        wrong()


def test_a_workout_trains_with_a_sum_and_is_saved_with_it(tmp_path):
    """One step of SGD against the gradient by hand, and the file names both losses."""
    x, y = np.array([[1.0], [2.0]]), np.array([[0.0], [9.0]])
    model = Dense(1, use_bias=False)
    workout = Workout(model, MSE() + 0.5 * MAE(), SGD(0.1))
    model(x)
    model.parameters.kernel.set_([[2.0]])
    workout.step_(x, y)  # p = 2, 4; dMSE = (2*2*1 - 2*5*2)/2 = -8; dMAE = (1 - 2)/2 = -0.5
    np.testing.assert_allclose(model.parameters.kernel.value, [[2 + 0.1 * 8.25]], rtol=1e-6)
    again = load_workout(save_workout(workout, tmp_path / "w.pp"))
    assert repr(again.loss) == "MSE() + 0.5 * MAE()"
    np.testing.assert_allclose(again.step_(x, y), workout.step_(x, y), rtol=1e-6)


def test_parts_may_be_of_other_kinds():
    """A loss of scores beside one of numbers keeps its own options."""
    loss = BCELoss(use_sigmoid=True) + 0.0 * MSE()
    np.testing.assert_allclose(loss(np.array([[0.0]]), np.array([[1.0]])), np.log(2), rtol=1e-12)
