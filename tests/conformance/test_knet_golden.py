"""Every backend against numbers that real Knet computed, also on machines that have no Knet.

tests/golden/knet/make.jl made them. Whatever engine computes inside Julia, `julia` is compared; with PYPHOTON_ENGINE=knet that is Knet itself.
"""

from __future__ import annotations

import numpy as np
import pytest
from flux_golden import gradients, named, network, values
from knet_cases import FILES, LOSSES, MODELS, SEPARATE
from knet_golden import FOLDER, convolution, counted, from_zero, knet, recurrent
from known import on_every_backend
from running import close

import pyphoton as pp
from pyphoton.data.forms import Batch
from pyphoton.network import Network

TOLERANCE = 1e-9
"""The error allowed, of outputs, gradients and steps alike; the files have eleven digits."""

BUILD = {name: build for cases in FILES.values() for name, (build, _) in cases.items()}
CASES = {name: words(knet(file)[name]) for file, cases in FILES.items() for name, (_, words) in cases.items()}
WITH_STATE = [name for name, case in CASES.items() if case["state"]]
WITH_GRADIENTS = [name for name, case in CASES.items() if "gradients" in case]
LOSSES_OF_SCORES = [name for name in LOSSES if "gradient" in knet("losses")[name]]
pytestmark = pytest.mark.usefixtures("float64")


def on_training_backends(names):
    """(backend, name) for every backend that has gradients: the reference only predicts."""
    return [p for p in on_every_backend(names) if p.values[0] != "numpy"]


def all_close(got, want):
    """The same names, and for each the same shape and numbers."""
    assert set(got) == set(want)
    for name, array in want.items():
        close(np.asarray(got[name]), array, TOLERANCE)


# ---- layers ----------------------------------------------------------------------------------------------------------


def test_every_case_of_knet_is_here():
    """No golden case is left over, none is missing, and every file is read."""
    wanted = {**FILES, "losses": LOSSES, "optimisers": knet("optimisers"), "models": MODELS}
    assert {file: set(cases) for file, cases in wanted.items()} == {file: set(knet(file)) - SEPARATE for file in wanted}
    assert {f.stem for f in FOLDER.glob("*.json")} == set(wanted)
    assert set().union(*map(knet, wanted)) >= SEPARATE


def test_numbers_are_not_trivial():
    """No output and no gradient is zero throughout."""
    for case in CASES.values():
        assert all(np.abs(array).max() > 1e-3 for array in (case["output"], *case.get("gradients", {}).values()))


@pytest.mark.parametrize(("backend", "name"), on_every_backend(BUILD))
def test_output(backend, name):
    """A layer gives Knet's output from Knet's weights."""
    case = CASES[name]
    close(network(BUILD[name](), case, backend).run((case["input"],), False), case["output"], TOLERANCE)


@pytest.mark.parametrize(("backend", "name"), on_every_backend(WITH_STATE))
def test_output_while_training(backend, name):
    """While training a layer gives Knet's output, and moves its state as Knet does."""
    case = CASES[name]
    found = network(BUILD[name](), case, backend)
    close(found.run((case["input"],), False, training=True), case["training output"], TOLERANCE)
    all_close(values(found, case["state"]), case["moved state"])


@pytest.mark.parametrize(("backend", "name"), on_training_backends(WITH_GRADIENTS))
def test_gradient(backend, name):
    """Gradients of a weighted sum of squares of the output, by parameters and by input, are AutoGrad's."""
    case = CASES[name]
    by_parameter, by_input = gradients(network(BUILD[name](), case, backend), case)
    all_close({key: g for key, g in by_parameter.items() if "unpool" not in name}, case["gradients"])
    if "input gradient" in case:
        close(np.asarray(by_input), case["input gradient"], TOLERANCE)


@pytest.mark.parametrize(("backend", "name"), on_training_backends(["bmm", "bmm-transposed"]))
def test_products_of_batches(backend, name):
    """bmm(x, y) is y @ x here, as axes are reversed; both gradients."""
    case = knet("layers")[name]
    x, y = case["input"], case["weights"]["y"]
    product = (lambda x, y: y @ x) if name == "bmm" else (lambda x, y: y @ x.transpose(0, 2, 1))
    found = Network(product, backend=backend)
    close(found.run((x, y), True), case["output"], TOLERANCE)
    factors = (np.arange(case["output"].size) % 5 - 1.5).reshape(case["output"].shape)
    made = found.training_plan(Batch((x, y), (factors,), True, False), lambda p, f: (p * p * f).sum(), {})
    _, _, by_input = found.module.session(pp.SGD(), found.frozen()).gradient(made, found.converted(made, (x, y, factors)))
    close(np.asarray(by_input[0]), case["input gradient"], TOLERANCE)
    close(np.asarray(by_input[1]), case["gradients"]["y"], TOLERANCE)


@pytest.mark.parametrize(("backend", "name"), on_training_backends(["dropout"]))
def test_dropout_in_training(backend, name):
    """What dropout keeps is multiplied as Knet does; which elements are kept is the engine's own chance."""
    case = knet("layers")["dropout-in-training"]
    x = np.random.default_rng(0).uniform(1, 2, (40, 10))
    y = Network(pp.Dropout(0.4), backend=backend).run((x,), False, training=True)
    close(np.unique((y[y != 0] / x[y != 0]).round(12)), [case["kept"]], TOLERANCE)
    assert case["acts inside @diff"] == 1 and 0.4 < (y != 0).mean() < 0.8


# ---- what Knet means otherwise ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0, 1])
def test_the_kernel_is_turned_round_in_one_mode_only(mode):
    """conv4 without mode=1 is no cross-correlation: with the other order of the kernel the output is another one."""
    name = f"conv-padding-{mode}"
    wrong = convolution(knet("convolutions")[name], flipped=mode == 1)
    assert np.abs(network(BUILD[name](), wrong, "numpy").run((wrong["input"],), False) - wrong["output"]).max() > 0.1


def test_the_mean_without_padding_is_none_on_the_processor():
    """Knet's mode 2 should not count padding, and does there; PyPhoton's include_padding=False does not."""
    case, (mean, _) = knet("pools")["mode-2-padding"], FILES["pools"]["mode-2-padding"]
    without = pp.AvgPool(3, padding=1, strides=1, include_padding=False)
    assert np.abs(Network(without, backend="numpy").run((case["input"],), False) - case["output"]).max() > 0.1
    close(Network(mean(), backend="numpy").run((case["input"],), False), case["output"], TOLERANCE)


def test_the_second_bias_of_the_gru():
    """A bias of the state in the GRU's new memory is multiplied by the reset gate: PyPhoton's one bias cannot say it."""
    case = recurrent(knet("recurrent")["gru-two-biases"])
    got = network(pp.GRU(2, last_only=False), case, "numpy").run((case["input"],), False)
    assert got.shape == case["output"].shape and np.abs(got - case["output"]).max() > 1e-3


def test_the_forget_gate_at_first():
    """Both biases of Knet's forget gate start at 1, which is 2 together; PyPhoton's one starts at 1."""
    assert knet("recurrent")["forget-biases"]["biases"].tolist() == [[1.0, 1.0], [1.0, 1.0]]
    found = Network(pp.LSTM(2), backend="numpy")
    found.forward_plan((np.zeros((1, 4, 3)),), False)
    assert named(found)["bias_0"].value.tolist() == [0, 0, 1, 1, 0, 0, 0, 0]


def test_softmax_of_all_numbers():
    """Without `dims` Knet's softmax is over all samples together; PyPhoton's is over the features of each."""
    case = knet("layers")["softmax-all"]
    assert case["output"].sum() == pytest.approx(1)
    assert Network(pp.Softmax(), backend="numpy").run((case["input"],), False).sum() == pytest.approx(len(case["input"]))


# ---- losses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("backend", "name"), on_every_backend(LOSSES))
def test_loss(backend, name):
    """A loss or accuracy is Knet's number, of the samples that Knet does not leave out."""
    scores, labels, _ = said(name)
    got = Network(lambda p, y: LOSSES[name](p, y), backend=backend).run((scores, labels), True)
    close(np.asarray(got), knet("losses")[name]["value"], TOLERANCE)


@pytest.mark.parametrize(("backend", "name"), on_training_backends(LOSSES_OF_SCORES))
def test_gradient_of_loss(backend, name):
    """The gradient of a loss by the scores is AutoGrad's, and zero for samples that are left out."""
    scores, labels, kept = said(name)
    found = Network(pp.Sequential(), backend=backend)
    made = found.training_plan(Batch((scores,), (labels,), False, False), LOSSES[name], {})
    _, _, by_input = found.module.session(pp.SGD(), found.frozen()).gradient(made, found.converted(made, (scores, labels)))
    gradient = knet("losses")[name]["gradient"]
    gradient = gradient.T if "dims-2" in name else gradient
    close(np.asarray(by_input[0]), gradient[kept], TOLERANCE)
    assert not gradient[~kept].any()


def said(name):
    """Scores, labels and which samples count; dims=2 has samples in rows of Julia, and logistic the labels -1 and 1."""
    case = dict(knet("losses")[name])
    if "dims-2" in name:
        case["scores"] = case["scores"].T
    if name == "logistic":
        case["labels"] = (case["labels"] + 1) // 2
    return counted(case)


# ---- optimisers and models -------------------------------------------------------------------------------------------


def optimiser(name):
    """PyPhoton's optimiser with the settings of Knet's, which have the same names."""
    case = knet("optimisers")[name]
    return getattr(pp, case["knet"])(**case["settings"])


@pytest.mark.parametrize(("backend", "name"), on_training_backends(knet("optimisers")))
def test_eight_steps(backend, name):
    """From the same gradients every optimiser gives Knet's parameter after each step: no formula and no place of epsilon differs."""
    case = knet("optimisers")[name]
    workout = pp.Workout(pp.Dense(1, use_bias=False), lambda p, y: p.sum(), optimiser(name), backend=backend)
    x, y = case["gradients"].reshape(8, 1, 6), np.zeros((1, 1))
    workout.network.forward_plan((x[0],), False)
    (kernel,) = workout.network.parameters.values()
    kernel.set_(case["start"].reshape(6, 1))
    for gradient, after in zip(x, case["after"].reshape(8, 6, 1), strict=True):
        workout.step_(gradient, y)
        close(kernel.value, after, TOLERANCE)


def test_settings_that_are_not_given():
    """Knet's optimisers and PyPhoton's have the same settings where none are given, but for the rate of SGD: 0.1 there, 0.01 here."""
    for name in ("Momentum", "Nesterov", "Adagrad", "Rmsprop", "Adadelta", "Adam"):
        assert optimiser(name).arguments() == getattr(pp, name)().arguments()
    assert optimiser("SGD").lr == 0.1 and pp.SGD().lr == 0.01


@pytest.mark.parametrize(("backend", "name"), on_training_backends(MODELS))
def test_training(backend, name):
    """A model that Knet trains by an iterator of losses: the same loss before each update, the same weights, the same accuracy."""
    case = knet("models")[name]
    rule = pp.Adam(case["lr"]) if "adam" in name else pp.SGD(case["lr"])
    workout = pp.Workout(MODELS[name](), pp.CrossEntropyLoss(use_softmax=True), rule, metrics=[pp.accuracy()], backend=backend)
    x, y = case["input"], from_zero(case["labels"])
    workout.network.forward_plan((x,), False)
    set_weights(workout.network, case["weights"])
    close(workout.predict(x), case["output"], TOLERANCE)
    losses = [workout.step_(x[i : i + 3], y[i : i + 3]) for _ in range(3) for i in (0, 3, 6)]
    close(np.array(losses), case["losses"], TOLERANCE)
    all_close({key: p.value for key, p in named(workout.network).items()}, in_order(workout.network, case["trained"]))
    assert workout.evaluate((x, y))["accuracy"] == pytest.approx(case["accuracy"])


def in_order(found, weights):
    """Knet's weights by the names of a network's parameters, of which there is a kernel and a bias for each layer."""
    arranged = []
    for key, array in weights.items():
        kernel = np.flip(array, (2, 3)) if array.ndim == 4 and key.endswith("w") else array
        arranged.append(kernel if key.endswith("w") else array.reshape(-1))
    return dict(zip(named(found), arranged, strict=True))


def set_weights(found, weights):
    """Set a network's parameters to Knet's."""
    for name, array in in_order(found, weights).items():
        named(found)[name].set_(array)


