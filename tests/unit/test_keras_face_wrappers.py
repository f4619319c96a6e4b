"""TimeDistributed, Bidirectional and masks of the Keras face, against Keras 3 and by hand."""

import numpy as np
import pytest

import pyphoton as pp
from pyphoton.keras.layers.cells import RNN, GRUCell, LSTMCell, SimpleRNNCell
from pyphoton.keras.layers.masking import Masking
from pyphoton.keras.layers.recurrent import GRU, LSTM, SimpleRNN
from pyphoton.keras.layers.wrappers import Bidirectional, TimeDistributed
from pyphoton.keras.masks import mask_of, masked_where, mean_over_steps, with_mask
from pyphoton.tensor import Tensor

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning")
X = np.random.default_rng(1).normal(size=(4, 5, 3)).astype("float32")
GAPS = X * (np.random.default_rng(2).uniform(size=(4, 5, 1)) > 0.4)


def keras():
    """Keras 3, where there is one."""
    from pyphoton.interop.keras_model import keras_module

    try:
        return keras_module()
    except pp.BackendMissing as error:
        pytest.skip(f"there is no Keras that can be imported: {error}")


@pytest.mark.parametrize("masked", [False, True], ids=["all steps", "masked"])
@pytest.mark.parametrize("options", [{}, {"return_sequences": True}, {"return_sequences": True, "return_state": True}], ids=["last", "sequences", "state"])
@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", None])
def test_bidirectional_is_keras(mode, options, masked):
    """Both directions with their weights, merged in every way."""
    k = keras()
    ours = Bidirectional(LSTM(4, **options), merge_mode=mode)
    model = pp.Sequential(Masking(), ours) if masked else ours
    x = GAPS if masked else X
    model(x)
    random = np.random.default_rng(3)
    for p in model.parameters.values():
        p.set_(random.normal(size=p.shape) / 2)
    inputs = k.Input((5, 3))
    theirs = k.Model(inputs, k.layers.Bidirectional(k.layers.LSTM(4, **options), merge_mode=mode)(k.layers.Masking()(inputs) if masked else inputs))
    theirs.set_weights([p.value for p in model.parameters.values()])
    a, b = ([v] if not isinstance(v, list | tuple) else v for v in (model(x), theirs(x)))
    for found, wanted in zip(a, b, strict=True):
        np.testing.assert_allclose(found, wanted.detach().numpy(), rtol=1e-5, atol=1e-6)


def test_bidirectional_has_other_weights_backwards():
    """The backward layer is drawn for itself, and given initial weights are the forward layer's."""
    layer = Bidirectional(GRU(3))
    assert layer(X).shape == (4, 6)
    a, b = layer.forward_layer.parameters["kernel"].value, layer.backward_layer.parameters["kernel"].value
    assert not np.allclose(a, b)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Bidirectional(LSTM(2), merge_mode="max"), "merge_mode"),
        (lambda: Bidirectional(pp.Dense(2)), "a recurrent layer"),
        (lambda: Bidirectional(LSTM(2), backward_layer=LSTM(2)), "opposite"),
        (lambda: Bidirectional(LSTM(2), backward_layer=LSTM(2, go_backwards=True, return_sequences=True)), "return_sequences"),
        (lambda: TimeDistributed(pp.Dense), "Write Dense"),
        (lambda: LSTM(0), "units"),
        (lambda: GRU(2, dropout=1), "dropout"),
        (lambda: Masking("x"), "mask_value"),
    ],
)
def test_what_cannot_be_is_refused(make, text):
    """Errors name the argument."""
    with pytest.raises(pp.ArgumentError, match=text):
        make()


def test_time_distributed_acts_on_each_step():
    """Each step is what the layer makes of it, of any length, with one set of weights."""
    dense = pp.Dense(2, pp.tanh)
    layer = TimeDistributed(dense)
    y = layer(X)
    assert list(layer.parameters) == ["layer.kernel", "layer.bias"]
    for t in range(5):
        np.testing.assert_allclose(y[:, t], dense(X[:, t]), rtol=1e-6)
    np.testing.assert_allclose(layer(X[:, :2].copy()), y[:, :2], rtol=1e-6)


def test_time_distributed_has_a_shape_before_the_length_is_known():
    """(batch, any, features) gives (batch, any, units); and images, step by step, feature maps."""
    traced = pp.graph.trace(TimeDistributed(pp.Dense(2)), Tensor((None, None, 3)))
    assert traced.outputs[0].shape == (None, None, 2)
    images = np.random.default_rng(0).normal(size=(2, 3, 1, 6, 6)).astype("float32")
    conv = pp.Conv2D(4, 3)
    y = TimeDistributed(conv)(images)
    np.testing.assert_allclose(y[:, 1], conv(images[:, 1]), rtol=1e-5, atol=1e-6)


def test_time_distributed_trains_and_hands_the_mask_on():
    """Masked steps do not reach the layer behind it; gradients are those of central differences."""
    inner = pp.Dense(2, flatten=False)
    model = pp.Sequential(Masking(), TimeDistributed(inner), SimpleRNN(2))
    x, y = GAPS.copy(), np.ones((4, 2), "float32")
    first = model(x)
    changed = x.copy()
    changed[:, -1] = 0
    shorter = model(changed[:, :-1].copy())
    np.testing.assert_allclose(model(changed), shorter, rtol=1e-6)
    w = pp.Workout(model, pp.mse, pp.SGD(0.1))
    before = w.step_(x, y)
    for _ in range(10):
        after = w.step_(x, y)
    assert first.shape == (4, 2)
    assert after < before


def test_a_masked_sequence_of_keraflow():
    """[[0, 1]] with mask_value 1: the output is that after step 0. All weights 1, activation linear."""

    def model(x):
        x = masked_where(x, 1)
        embedded = with_mask(x[..., None] + 1.0, mask_of(x))
        return rnn(embedded)

    rnn = SimpleRNN(1, init="ones", inner_init="ones", activation="linear")
    x = np.array([[0.0, 1.0], [0.0, 0.0]], "float32")
    found = pp.network.Network(model).run((x,), False)
    np.testing.assert_allclose(found, [[1.0], [2.0]])


def test_the_mean_over_steps_leaves_masked_ones_out():
    """The mean of the steps that count; 0 where none does."""
    x = np.array([[[1.0], [3.0], [0.0]], [[0.0], [0.0], [0.0]]], "float32")
    model = pp.Sequential(Masking(), mean_over_steps)
    np.testing.assert_allclose(model(x), [[2.0], [0.0]])


@pytest.mark.parametrize("masked", [False, True], ids=["all steps", "masked"])
@pytest.mark.parametrize("options", [{}, {"return_sequences": True, "return_state": True}], ids=["last", "state"])
def test_stacked_cells_are_keras(options, masked):
    """RNN of an LSTM cell, a GRU cell and a simple one on top of each other."""
    k = keras()
    ours = RNN([LSTMCell(4), GRUCell(3), SimpleRNNCell(2)], **options)
    model = pp.Sequential(Masking(), ours) if masked else ours
    x = GAPS if masked else X
    model(x)
    random = np.random.default_rng(3)
    for p in model.parameters.values():
        p.set_(random.normal(size=p.shape) / 2)
    inputs = k.Input((5, 3))
    cells = [k.layers.LSTMCell(4), k.layers.GRUCell(3), k.layers.SimpleRNNCell(2)]
    theirs = k.Model(inputs, k.layers.RNN(cells, **options)(k.layers.Masking()(inputs) if masked else inputs))
    theirs.set_weights([p.value for p in model.parameters.values()])
    a, b = ([v] if not isinstance(v, list | tuple) else v for v in (model(x), theirs(x)))
    b = [t for v in b for t in (v if isinstance(v, list | tuple) else [v])]
    assert len(a) == len(b)
    for found, wanted in zip(a, b, strict=True):
        np.testing.assert_allclose(found, wanted.detach().numpy(), rtol=1e-5, atol=1e-6)


class Leaky(pp.Layer):
    """A cell of one's own: a running mean whose output is not its state."""

    state_size = 3

    def forward(self, x, states):
        """(output, new states)."""
        (h,) = states
        h = 0.5 * h + 0.5 * x
        return h * 2.0, (h,)


def test_a_cell_of_ones_own():
    """Output and state are told apart; the numbers are those of the loop."""
    y, state = RNN(Leaky(), return_state=True)(X)
    h = np.zeros((4, 3))
    for t in range(5):
        h = 0.5 * h + 0.5 * X[:, t]
    np.testing.assert_allclose(state, h, rtol=1e-5)
    np.testing.assert_allclose(y, 2 * h, rtol=1e-5)


def test_one_step_of_a_cell():
    """A cell by itself: (x, states) gives the output and the new states."""
    cell = LSTMCell(2, kernel_initializer="ones", recurrent_initializer="ones", activation="linear", recurrent_activation="linear", unit_forget_bias=False)
    y, h, c = cell(np.full((1, 1), 2.0, "float32"), np.full((1, 2), 1.0, "float32"), np.full((1, 2), 3.0, "float32"))
    np.testing.assert_allclose((y, h, c), np.broadcast_to(np.array([112.0, 112.0, 28.0])[:, None, None], (3, 1, 2)))
