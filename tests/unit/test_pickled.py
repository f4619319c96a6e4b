"""Layers and models through pickle, as worker processes and joblib send them: the numbers go along."""

import copy
import pickle

import numpy as np
import pytest
from test_copies import MODELS, X, Y

from pyphoton import MSE, Adam, BatchNorm, Dense, Dropout, Input, Sequential, Workout, fit_, freeze_, relu
from pyphoton.flux import train_
from pyphoton.pickled import session_state, workout_of, workout_state


@pytest.mark.parametrize("name", [n for n in MODELS if n not in ("net", "nets")])
def test_a_model_keeps_its_numbers(name):
    """Predictions are the same to the bit, a layer that stands twice stands twice, and the two share no memory."""
    model = MODELS[name]()
    train_(model, (X, Y), batch=3, eta=0.02)
    made = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(made(X), model(X))
    assert list(made.parameters) == list(model.parameters)
    assert not any(np.shares_memory(a.value, b.value) for a, b in zip(made.parameters.values(), model.parameters.values(), strict=True))
    train_(made, (X, Y), batch=3, eta=0.5)
    assert np.abs(made(X) - model(X)).max() > 1e-3


def test_a_model_without_numbers_is_a_description():
    """Before it has met data there is nothing to keep but whether it is frozen."""
    model = Sequential(Dense(3), freeze_first := Dense(2))
    freeze_(freeze_first)
    made = pickle.loads(pickle.dumps(model))
    assert repr(made) == repr(model)
    assert not made.built
    made(X)
    assert [p.frozen for p in made.parameters.values()] == [False, False, True, True]


def test_one_sample_is_still_told_from_a_batch():
    """What the model was built for goes along, too."""
    model = Sequential(Dense(3))
    model(X)
    made = pickle.loads(pickle.dumps(model))
    np.testing.assert_allclose(made(X[0]), model(X)[0], rtol=1e-5)
    assert made(X[0]).shape == (3,)


def test_a_workout_goes_on_where_it_was():
    """Weights, running means, Adam's state, dropout's random numbers, history and counters: going on is the same to the bit."""
    whole = Workout(Sequential(Input(4), Dense(8, relu), BatchNorm(), Dropout(0.3), Dense(3)), MSE(), Adam(0.01), seed=3)
    fit_(whole, (X, Y), epochs=2, batch_size=2, verbose=False)
    half = workout_of(pickle.loads(pickle.dumps(workout_state(whole, session_state(whole)))))
    assert (half.steps, half.epochs, list(half.history("loss")[1])) == (whole.steps, whole.epochs, list(whole.history("loss")[1]))
    for workout in (whole, half):
        fit_(workout, (X, Y), epochs=2, batch_size=2, verbose=False)
    np.testing.assert_array_equal(half.predict(X), whole.predict(X))
    np.testing.assert_array_equal(half.history("loss")[1], whole.history("loss")[1])


def test_the_state_of_a_workout_is_a_copy():
    """Training on leaves what was taken of a workout; copy.deepcopy of it is one more."""
    workout = Workout(Dense(3), MSE(), Adam(0.1), seed=1)
    fit_(workout, (X, Y), verbose=False)
    taken = copy.deepcopy(workout_state(workout, session_state(workout)))
    before = workout.predict(X)
    fit_(workout, (X, Y), verbose=False)
    np.testing.assert_array_equal(workout_of(taken).predict(X), before)
