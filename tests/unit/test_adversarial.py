"""fgsm and pgd against their formulas, on arrays and in traces; what they leave alone; and training that makes a model robust."""

from __future__ import annotations

import runpy
from functools import partial

import numpy as np
import pytest
from test_examples import FOLDER, figures

import pyphoton as pp
from pyphoton import get_backend
from pyphoton.errors import ArgumentError, DataError
from pyphoton.graph import trace
from pyphoton.layers import Dense, Dropout, Sequential
from pyphoton.layers.base import Layer
from pyphoton.plan import plan
from pyphoton.systems import FGSMSystem, fgsm, pgd, setup
from pyphoton.tensor import Tensor

RANDOM = np.random.default_rng(7)
X = RANDOM.uniform(0.2, 0.8, (40, 6)).astype("float32")
LABELS = (X[:, 0] > X[:, 1]).astype("int64")
CROSS = pp.CrossEntropyLoss(use_softmax=True)


def score(p, y):
    """The sum of the outputs: the linear score."""
    return p.sum()


def linear(*weights):
    """A linear model with these weights."""
    model = Dense(1, use_bias=False)
    model(np.zeros((1, len(weights)), "float32"))
    model.parameters.kernel.value[...] = np.array([weights]).T
    return model


def network():
    """A small classifier, built."""
    model = Sequential(Dense(8, "tanh"), Dropout(0.5), Dense(2))
    workout = pp.Workout(model, CROSS, pp.Adam(0.05), seed=4)
    workout.fit_((X, LABELS), epochs=2, verbose=False)
    return workout


def loss_at(workout, x, y=LABELS):
    """The loss that the model has there."""
    return workout.validate((x, y))["val_loss"]


def test_a_linear_score_changes_by_eps_times_the_norm_of_its_weights():
    """Each sample's score grows by eps * ||w||_1 exactly (in what float32 can hold); targeted it falls; eps 0 gives x."""
    w = np.array([1.0, -2.0, 0.5, 0.25])
    model, x, y = linear(*w), RANDOM.normal(size=(5, 4)).astype("float32"), np.zeros((5, 1), "float32")
    for eps in (0.125, 1.5):
        moved = fgsm(model, score, x, y, eps, clip=None)
        np.testing.assert_allclose(model(moved) - model(x), eps * np.abs(w).sum(), rtol=1e-5)
        np.testing.assert_array_equal(moved, x + np.float32(eps) * np.sign(w).astype("float32"))
        back = fgsm(model, score, x, y, eps, clip=None, targeted=True)
        np.testing.assert_allclose(model(back) - model(x), -eps * np.abs(w).sum(), rtol=1e-5)
        far = pgd(model, score, x, y, eps, clip=None)
        np.testing.assert_allclose(model(far) - model(x), eps * np.abs(w).sum(), rtol=1e-5)
    np.testing.assert_array_equal(fgsm(model, score, x, y, 0.0, clip=None), x)


@pytest.mark.parametrize("attack", [fgsm, pgd, partial(pgd, random_start=True, seed=3), partial(pgd, steps=2, step=0.3)])
def test_no_element_moves_further_than_eps_and_the_loss_grows(attack):
    """|x_adv - x| <= eps, within the limits, and a larger loss; towards a target a smaller one."""
    workout = network()
    moved = attack(workout.model, CROSS, X, LABELS, 0.1)
    assert moved.dtype == X.dtype and moved.shape == X.shape
    assert 0.05 < np.abs(moved - X).max() <= 0.1 + 1e-6
    before, after = (loss_at(workout, x) for x in (X, moved))
    assert after > before + 0.02
    aimed = attack(workout.model, CROSS, X, 1 - LABELS, 0.1, targeted=True)
    assert loss_at(workout, aimed, 1 - LABELS) < loss_at(workout, X, 1 - LABELS) - 0.02
    cut = attack(workout.model, CROSS, X, LABELS, 0.5, clip=(0.3, 0.6))
    assert cut.min() >= np.float32(0.3) and cut.max() <= np.float32(0.6)


def test_several_steps_find_more_than_one():
    """The loss after ten small steps is not below that after one large one, on the mean."""
    workout = network()
    one, many = (a(workout.model, CROSS, X, LABELS, 0.3, clip=None) for a in (fgsm, partial(pgd, steps=20, step=0.05)))
    assert loss_at(workout, many) >= loss_at(workout, one) - 1e-4


def test_weights_gradients_and_random_numbers_are_left_alone():
    """Nothing of the model or its training moves: bytes of the weights, the optimiser, the gradients, dropout's numbers."""
    workout = network()
    before = {path: p.value.tobytes() for path, p in workout.network.parameters.items()}
    gradients = dict(pp.gradients(workout, (X, LABELS)).items())
    state = {k: np.array(v) for k, v in workout.session.state().items()}
    for attack in (fgsm, pgd):
        attack(workout.model, CROSS, X, LABELS, 0.1)
    assert {path: p.value.tobytes() for path, p in workout.network.parameters.items()} == before
    assert all(np.array_equal(v, state[k]) for k, v in workout.session.state().items())
    for path, gradient in pp.gradients(workout, (X, LABELS)).items():
        np.testing.assert_array_equal(gradient, gradients[path])


@pytest.mark.parametrize("attack", [fgsm, pgd])
def test_in_a_trace_it_is_what_it_is_on_arrays(attack):
    """The same formula as a step of a plan, for labels as whole numbers."""
    workout = network()
    tensors = Tensor((None, 6), "float32"), Tensor((None,), "int64")
    made = plan(trace(lambda x, y: attack(workout.model, CROSS, x, y, 0.1), *tensors, paths={"": workout.model}))
    values = {path: workout.network.parameters[path].value for path in made.params}
    module = get_backend().module(values, roles={p: v.role for p, v in made.params.items()}, device="cpu", seed=0)
    for training in (False, True):
        (got,) = module.run(made, (X, LABELS), training=training)
        np.testing.assert_allclose(got, attack(workout.model, CROSS, X, LABELS, 0.1), atol=1e-6)


def test_a_random_start_in_a_trace_is_uniform_while_training_only():
    """With steps of length 0 what is left is the start: mean and variance of a uniform number, new ones at each call, all within eps."""
    model = linear(*[0.5] * 50)
    tensors = Tensor((None, 50), "float32"), Tensor((None, 1), "float32")
    start = partial(pgd, random_start=True, step=0.0, steps=1, clip=None)
    made = plan(trace(lambda x, y: start(model, score, x, y, 0.2), *tensors, paths={"dense": model}))
    module = get_backend().module({"dense.kernel": model.parameters.kernel.value}, roles={"dense.kernel": "weight"}, device="cpu", seed=0)
    x, y = np.zeros((400, 50), "float32"), np.zeros((400, 1), "float32")
    np.testing.assert_array_equal(module.run(made, (x, y))[0], x)
    (one,), (two,) = (module.run(made, (x, y), training=True) for _ in range(2))
    assert np.abs(one).max() <= 0.2 and np.abs(one).max() > 0.199 and not np.allclose(one, two)
    assert abs(one.mean()) < 0.003 and abs(one.var() - 0.04 / 3) < 3e-4
    np.testing.assert_allclose(np.histogram(one, 10, (-0.2, 0.2))[0] / one.size, 0.1, atol=0.01)
    on_arrays = [start(model, score, x, y, 0.2, seed=s) for s in (1, 1, 2)]
    np.testing.assert_array_equal(on_arrays[0], on_arrays[1])
    assert abs(on_arrays[2].var() - 0.04 / 3) < 3e-4 and not np.array_equal(on_arrays[0], on_arrays[2])


def test_arrays_come_back_as_they_came():
    """float64 stays float64, torch stays torch, one sample stays one sample; many samples are done some at a time."""
    torch = pytest.importorskip("torch", reason="a torch tensor goes in")
    model, y = linear(1.0, -1.0), np.zeros((3, 1), "float32")
    x = np.array([[0.5, 0.5], [0.2, 0.8], [1.0, 0.0]])
    want = [[0.6, 0.4], [0.3, 0.7], [1.0, 0.0]]
    moved = fgsm(model, score, x, y, 0.1)
    assert moved.dtype == np.float64
    np.testing.assert_allclose(moved, want)
    tensor = fgsm(model, score, torch.tensor(x), torch.tensor(y), 0.1)
    assert isinstance(tensor, torch.Tensor) and tensor.dtype == torch.float64 and not tensor.requires_grad
    np.testing.assert_allclose(tensor.numpy(), want)
    single = fgsm(Dense(1, features=2), score, x[0].astype("float32"), y[0], 0.1)
    assert single.shape == (2,)
    many = np.tile(x, (200, 1)).astype("float32")
    np.testing.assert_allclose(fgsm(model, score, many, np.zeros((600, 1), "float32"), 0.1), np.tile(want, (200, 1)), rtol=1e-6)


def test_a_layer_may_attack_in_its_own_forward():
    """A model that is trained on what it attacks, by a Workout: the loss is that of the moved inputs."""

    class Hardened(Layer):
        def __init__(self):
            self.model = Dense(1, use_bias=False, initw=pp.ones)

        def forward(self, x):
            return self.model(fgsm(self.model, lambda p, y: p.sum(), x, x, 0.5, clip=None))

    workout = pp.Workout(Hardened(), pp.MAE(), pp.SGD(0.0))
    x = np.zeros((4, 3), "float32")
    workout.fit_((x, np.zeros((4, 1), "float32")), epochs=1, verbose=False)
    assert list(workout.history["loss"].values()) == [pytest.approx(1.5)]


def test_bad_arguments_are_refused():
    """Each error says what to give instead."""
    model, y = linear(1.0, 1.0), np.zeros((3, 1), "float32")
    x = np.zeros((3, 2), "float32")
    for call, said in (
        (lambda: fgsm(model, score, x, y, -0.1), "eps: a number from 0"), (lambda: fgsm(model, score, x, y, 0.1, clip=(1, 0)), "clip"),
        (lambda: fgsm(model, score, x.astype("int64"), y, 0.1), "floats"), (lambda: fgsm(model, score, (x, x), y, 0.1), "one array"),
        (lambda: pgd(model, score, x, y, 0.1, steps=0), "steps"), (lambda: pgd(model, score, x, y, 0.1, step=-1.0), "step: a number"),
        (lambda: FGSMSystem(model, score, 0.1, alpha=2), "alpha"), (lambda: FGSMSystem(model, None, 0.1), "loss and an attack"),
    ):  # fmt: skip
        with pytest.raises(ArgumentError, match=said):
            call()
    with pytest.raises(DataError):
        fgsm(model, score, x, y[:2], 0.1)


def test_the_system_s_loss_is_the_mean_of_both():
    """alpha * loss(x) + (1 - alpha) * loss(x_adv), from the parts; what is logged are these parts."""
    workout = network()
    system = FGSMSystem(workout.model, CROSS, 0.1, 0.3, metrics=[pp.accuracy()], optimizer=pp.SGD(0.0))
    moved = fgsm(workout.model, CROSS, X, LABELS, 0.1)
    clean, hard = (loss_at(workout, x) for x in (X, moved))
    assert pp.systems.loss(system, (X, LABELS)) == pytest.approx(0.3 * clean + 0.7 * hard, rel=1e-5)
    found = setup(system, (X, LABELS)).validate((X, LABELS))
    assert found["val_clean_loss"] == pytest.approx(clean, rel=1e-5)
    assert found["val_adversarial_loss"] == pytest.approx(hard, rel=1e-5)
    assert found["val_accuracy"] > found["val_adversarial_accuracy"]


def striped(count, seed):
    """Two classes: one feature that is clear and one hundred that are weakly right each, as in Tsipras et al. 2019."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, count)
    sign = (2.0 * y - 1)[:, None]
    clear = sign * np.where(random.uniform(size=(count, 1)) < 0.9, 1.0, -1.0)
    weak = 0.25 * sign + random.normal(size=(count, 100))
    return np.concatenate([clear, weak], 1).astype("float32"), y


def test_adversarial_training_makes_a_classifier_more_robust():
    """Weak features are lost to an attack of their size; training against it learns to rely on the clear one: at least 0.3 better."""
    train, test, eps = striped(2000, 1), striped(1000, 2), 0.5
    robust = {}
    for name, alpha in (("plain", 1.0), ("adversarial", 0.0)):
        model = Dense(2)
        trainer = setup(FGSMSystem(model, CROSS, eps, alpha, clip=None, optimizer=pp.Adam(0.01), metrics=[pp.accuracy()]), train, seed=1)
        trainer.fit(epochs=8, verbose=False)
        robust[name] = trainer.test(test)["test_adversarial_accuracy"]
    assert robust["plain"] < 0.5 and robust["adversarial"] > robust["plain"] + 0.3, robust


def test_the_example_makes_a_network_robust(monkeypatch, capsys):
    """examples/systems/02_adversarial_training.py: an attack that fools the plain network is read by the other one, at little cost."""
    pytest.importorskip("sklearn", reason="the example's data come with it")
    monkeypatch.setenv("EPOCHS", "10")
    runpy.run_path(str(FOLDER / "systems" / "02_adversarial_training.py"), run_name="__main__")
    found = figures(capsys.readouterr().out)
    assert min(found["clean, plain training"], found["clean, adversarial training"]) > 0.93
    assert found["attacked, adversarial training"] > found["attacked, plain training"] + 0.25
    assert found["attacked in ten steps, adversarial training"] <= found["attacked in one step, adversarial training"] + 0.02
