"""The forms that data comes in: the same minibatches give the same training, whichever form carries them."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

import pyphoton as pp
from pyphoton import MAE, MSE, SGD, Adam, CrossEntropyLoss, Dense, Sequential, Workout, identity, relu, tanh

RANDOM = np.random.default_rng(11)
X = RANDOM.normal(size=(22, 4)).astype("float32")
Y = RANDOM.normal(size=(22, 2)).astype("float32")
ROWS = [slice(i, i + 8) for i in range(0, 22, 8)]
BATCHES = [(X[r], Y[r]) for r in ROWS]


def fresh():
    """The same small workout every time."""
    return Workout(Sequential(Dense(5, relu), Dense(2)), MSE(), Adam(0.01), seed=1)


def cut(tree, rows):
    """Rows of an array, or of each array in a tuple."""
    return tuple(cut(t, rows) for t in tree) if isinstance(tree, tuple) else tree[rows]


class Indexed:
    """Minibatches by number, with a length, and nothing else."""

    def __len__(self):
        return len(BATCHES)

    def __getitem__(self, number):
        return BATCHES[number]


class Ends:
    """Minibatches by number until IndexError: Python's oldest form of a sequence."""

    def __getitem__(self, number):
        return BATCHES[number]


class Iterated:
    """Something that can be iterated again and again."""

    def __iter__(self):
        return iter(BATCHES)


class Samples(Dataset):
    """A torch dataset of ((x1, x2), y) or (x, y)."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return 22

    def __getitem__(self, number):
        return cut(self.x, number), cut(self.y, number)


def generator():
    """A generator over the minibatches."""
    yield from BATCHES


FORMS = {
    "whole arrays": lambda: (X, Y),
    "whole lists": lambda: (X.tolist(), Y.tolist()),
    "whole torch tensors": lambda: (torch.from_numpy(X), torch.from_numpy(Y)),
    "list": lambda: list(BATCHES),
    "list of lists": lambda: [[x, y] for x, y in BATCHES],
    "list of torch tensors": lambda: [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in BATCHES],
    "list of Python lists": lambda: [(x.tolist(), y.tolist()) for x, y in BATCHES],
    "generator": generator,
    "iterator": lambda: iter(BATCHES),
    "zip": lambda: zip([x for x, _ in BATCHES], [y for _, y in BATCHES], strict=True),
    "map": lambda: map(tuple, BATCHES),
    "DataLoader": lambda: DataLoader(TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), batch_size=8),
    "function of a list": lambda: lambda: BATCHES,
    "function of a generator": lambda: generator,
    "function of whole arrays": lambda: lambda: (X, Y),
    "function of a DataLoader": lambda: lambda: DataLoader(Samples(X, Y), batch_size=8),
    "indexed": Indexed,
    "indexed until it ends": Ends,
    "iterated": Iterated,
}


@pytest.fixture(scope="module")
def wanted():
    """Losses and weights of three epochs over the minibatches, one step at a time."""
    workout = fresh()
    losses = [workout.step_(x, y) for _ in range(3) for x, y in BATCHES]
    return losses, {path: p.value.copy() for path, p in workout.network.parameters.items()}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_trains_alike_for_every_epoch(form, wanted):
    """Three epochs are three times all minibatches, one-shot iterators among them, with the same losses and weights."""
    workout = fresh().fit_(FORMS[form](), epochs=3, batch_size=8, shuffle=False)
    assert (workout.steps, workout.epochs) == (9, 3)
    np.testing.assert_allclose(workout.history("loss")[1], wanted[0], rtol=1e-6)
    for path, value in wanted[1].items():
        np.testing.assert_allclose(workout.network.parameters[path].value, value, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("form", FORMS)
def test_every_form_validates_alike_in_every_epoch(form):
    """As validation each form is measured after each of three epochs; evaluate gives the same number."""
    workout = fresh().fit_(BATCHES, FORMS[form](), epochs=3, batch_size=8)
    reference = fresh().fit_(BATCHES, (X, Y), epochs=3)
    assert list(workout.history["val_loss"]) == [3, 6, 9]
    np.testing.assert_allclose(workout.history("val_loss")[1], reference.history("val_loss")[1], rtol=1e-6)
    assert workout.evaluate(FORMS[form]())["loss"] == pytest.approx(reference.history["val_loss"][9], rel=1e-6)


def test_iterator_that_is_used_up_is_refused():
    """A second fit_ with an iterator that the first one used up is refused, not trained for nothing."""
    data = generator()
    workout = fresh().fit_(data, epochs=2)
    assert workout.steps == 6
    with pytest.raises(pp.DataError, match=r"at least one minibatch.*none.*used up"):
        workout.fit_(data)
    assert (workout.steps, workout.epochs) == (6, 2)


def test_function_is_called_once_per_epoch():
    """A function of no arguments gives each epoch its own data."""
    calls = []

    def data():
        calls.append(len(calls))
        return BATCHES[: 1 + calls[-1]]

    workout = fresh().fit_(data, epochs=3)
    assert calls == [0, 1, 2]
    assert workout.steps == 6
    assert [row["steps"] for row in workout.history.epochs] == [1, 3, 6]


def test_function_that_hands_out_a_used_iterator_is_refused():
    """A function that returns the same generator twice is refused in its second epoch; the first one stays."""
    data = generator()
    workout = fresh()
    with pytest.raises(pp.DataError, match="used up"):
        workout.fit_(lambda: data, epochs=2)
    assert (workout.steps, workout.epochs) == (3, 1)


def test_generator_is_read_only_as_far_as_it_is_needed():
    """Minibatches of a generator are trained while they are read, not gathered first."""
    events = []

    def data():
        for number, batch in enumerate(BATCHES):
            events.append(f"read {number}")
            yield batch

    fresh().fit_(data(), callbacks=lambda w, phase: events.append(f"{phase} {w.steps}"))
    assert events.index("train 1") < events.index("read 2")
    assert events[-1] == "valid 3"


def test_minibatches_may_differ_in_length():
    """Sequences of different lengths in one epoch train the same LSTM."""
    batches = [(RANDOM.normal(size=(4, steps, 3)), RANDOM.normal(size=(4, 2))) for steps in (5, 2, 7)]
    workout = Workout(Sequential(pp.LSTM(4), Dense(2)), MSE(), SGD(0.1), seed=1)
    assert workout.fit_(batches, epochs=2).steps == 6
    losses = workout.history("loss")[1]
    again = Workout(Sequential(pp.LSTM(4), Dense(2)), MSE(), SGD(0.1), seed=1)
    np.testing.assert_allclose(losses, [again.step_(x, y) for _ in range(2) for x, y in batches], rtol=1e-6)


# ---- batch_size ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "sizes"), [(8, [8, 8, 6]), (11, [11, 11]), (1, [1] * 22), (None, [22]), (22, [22]), (1000, [22]), ("default", [22])]
)
def test_whole_arrays_are_cut_by_batch_size(size, sizes):
    """Minibatches of batch_size, the last smaller one kept; None makes one; 32 unless told."""
    seen = []
    options = {} if size == "default" else {"batch_size": size}
    workout = fresh().fit_((X, Y), convertor=lambda b: seen.append(len(b[0])) or (b[0], b[1]), **options)
    assert seen == sizes
    assert fresh().fit_((X, Y), **options).steps == len(sizes) == workout.steps


def test_default_batch_size_is_32():
    """70 samples make three steps."""
    x = np.ones((70, 4))
    assert fresh().fit_((x, x[:, :2])).steps == 3


# ---- tuples of inputs and targets -----------------------------------------------------------------------------------------


def two_in(a, b):
    """A model of two inputs."""
    return LAYERS[2](LAYERS[0](a) + LAYERS[1](b))


def three_out(x):
    """A model of three outputs."""
    h = LAYERS[0](x)
    return LAYERS[1](h), LAYERS[2](h), h


def two_in_two_out(inputs):
    """A model of a tuple of inputs that gives two outputs."""
    a, b = inputs
    return LAYERS[0](a), LAYERS[1](b)


LAYERS = []
X2 = RANDOM.normal(size=(22, 3)).astype("float32")
Y3 = (RANDOM.normal(size=(22, 3)).astype("float32"), Y, RANDOM.normal(size=(22, 5)).astype("float32"))
NESTED = {
    "((X1,X2),Y)": (two_in, [Dense(3), Dense(3, tanh), Dense(2)], lambda p, y: MSE()(p, y), ((X, X2), Y)),
    "(X,(Y1,Y2,Y3))": (
        three_out,
        [Dense(5), Dense(3), Dense(2)],
        lambda p, y: MSE()(p[0], y[0]) + 2.0 * MAE()(p[1], y[1]) + MSE()(p[2], y[2]),
        (X, Y3),
    ),
    "((X1,X2),(Y1,Y2))": (
        two_in_two_out,
        [Dense(3), Dense(2)],
        lambda p, y: MSE()(p[0], y[0]) - 0.5 * MSE()(p[1], y[1]),
        ((X, X2), Y3[:2]),
    ),
}


@pytest.mark.parametrize("carried", ["whole", "list", "generator", "DataLoader", "function", "lists for tuples"])
@pytest.mark.parametrize("shape", NESTED)
def test_tuples_of_inputs_and_targets(shape, carried, monkeypatch):
    """Several inputs and targets train alike in every form; the first loss is the formula on the model's prediction."""
    model, layers, loss, (x, y) = NESTED[shape]
    monkeypatch.setitem(globals(), "LAYERS", [Dense(layer.units, layer.activation) for layer in layers])
    batches = [(cut(x, r), cut(y, r)) for r in ROWS]
    forms = {
        "whole": lambda: (x, y),
        "list": lambda: batches,
        "generator": lambda: iter(batches),
        "DataLoader": lambda: DataLoader(Samples(x, y), batch_size=8),
        "function": lambda: lambda: batches,
        "lists for tuples": lambda: [[list(a) if isinstance(a, tuple) else a for a in b] for b in batches],
    }
    workout = Workout(model, loss, SGD(0.05), seed=1)
    p = workout.predict(cut(x, ROWS[0]))
    first = float(np.asarray(loss(p, cut(y, ROWS[0]))))
    workout.fit_(forms[carried](), forms[carried](), epochs=2, batch_size=8, shuffle=False)
    assert workout.steps == 6
    assert workout.history["loss"][1] == pytest.approx(first, rel=1e-5)

    monkeypatch.setitem(globals(), "LAYERS", [Dense(layer.units, layer.activation) for layer in layers])
    control = Workout(model, loss, SGD(0.05), seed=1)
    control.predict(cut(x, ROWS[0]))
    losses = [control.step_(*b) for _ in range(2) for b in batches]
    np.testing.assert_allclose(workout.history("loss")[1], losses, rtol=1e-5)
    assert workout.history["val_loss"][6] == pytest.approx(control.evaluate((x, y))["loss"], rel=1e-5)


def test_one_input_in_a_tuple():
    """((X,), Y) gives the model a tuple of one."""
    workout = Workout(lambda inputs: inputs[0] * 2.0, MSE())
    assert workout.evaluate(((X[:, :2],), Y))["loss"] == pytest.approx(np.mean((2 * X[:, :2] - Y) ** 2), rel=1e-5)


# ---- kinds of arrays ---------------------------------------------------------------------------------------------------


def read_only(a):
    """A copy that cannot be written."""
    a = a.copy()
    a.flags.writeable = False
    return a


KINDS = {
    "float64": lambda a: a.astype("float64"),
    "float16": lambda a: a.astype("float16"),
    "long double": lambda a: a.astype("longdouble"),
    "big-endian": lambda a: a.astype(">f4"),
    "int64": lambda a: a.astype("int64"),
    "int8": lambda a: a.astype("int8"),
    "uint8": lambda a: np.abs(a).astype("uint8"),
    "bool": lambda a: a > 0,
    "every second row of a longer array": lambda a: np.repeat(a, 2, axis=0)[::2],
    "column of a wider array": lambda a: np.concatenate([a, a], axis=1)[:, : a.shape[1]],
    "column-major": np.asfortranarray,
    "negative stride of rows": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "negative stride of columns": lambda a: np.ascontiguousarray(a[:, ::-1])[:, ::-1],
    "read-only": read_only,
    "broadcast": lambda a: np.broadcast_to(a[:1], a.shape),
    "nested lists": lambda a: a.tolist(),
    "torch float64": lambda a: torch.from_numpy(a.astype("float64")),
    "torch that wants a gradient": lambda a: torch.from_numpy(a.copy()).requires_grad_(),
    "torch transposed": lambda a: torch.from_numpy(np.ascontiguousarray(a.T)).T,
}
COARSE = np.round(RANDOM.normal(size=(22, 4)) * 2).astype("float32")
COARSE_Y = np.round(RANDOM.normal(size=(22, 2)) * 2).astype("float32")


def clean(array):
    """A float32 copy in row-major order."""
    found = array.detach().numpy() if isinstance(array, torch.Tensor) else np.asarray(array)
    return np.array(found, dtype="float32", order="C")


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_arrays_give_the_numbers_of_a_clean_copy(kind):
    """Whatever its dtype, strides or flags, an array trains, validates and predicts as its clean float32 copy does."""
    x, y = KINDS[kind](COARSE), KINDS[kind](COARSE_Y)
    kept = clean(x), clean(y)
    found = []
    for a, b in ((x, y), kept):
        workout = fresh().fit_((a, b), (a, b), epochs=2, batch_size=8)
        workout.fit_([(a[:5], b[:5]), (a[5:], b[5:])])
        workout.step_(a, b)
        found.append((*workout.history("loss")[1], *workout.history("val_loss")[1], *workout.predict(a).ravel()))
    assert found[0] == found[1]
    assert np.isfinite(found[0]).all()
    np.testing.assert_array_equal(clean(x), kept[0])
    np.testing.assert_array_equal(clean(y), kept[1])


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8", "float32", "float64", "bool"])
@pytest.mark.parametrize("column", [False, True])
def test_kinds_of_labels_give_the_same_numbers(dtype, column):
    """Class numbers may be any integers, or floats without a fraction, as (batch,) or (batch, 1)."""
    labels = RANDOM.integers(0, 2, 22)
    given = labels.astype(dtype)[:, None] if column else labels.astype(dtype)
    losses = []
    for y in (labels, given, given[::-1][::-1]):
        workout = Workout(Dense(3), CrossEntropyLoss(use_softmax=True), SGD(0.1), seed=1).fit_((X, y), batch_size=8)
        losses.append(workout.history("loss")[1].tolist())
    assert losses[0] == losses[1] == losses[2]


def test_arrays_of_the_user_are_never_written():
    """Training in place of the model's arrays leaves the data's memory alone."""
    x, y = X.copy(), Y.copy()
    model = Sequential(lambda t: t, relu, pp.Activation(relu), Dense(5, relu), Dense(2))
    Workout(model, MSE(), seed=1).fit_((x, y), (x, y), batch_size=None, shuffle=False).step_(x, y)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)


def test_result_of_predict_is_the_callers():
    """What predict returns can be changed without changing the data or the model."""
    workout = Workout(lambda x: x, MSE())
    x = X.copy()
    p = workout.predict(x)
    p[:] = 7.0
    np.testing.assert_array_equal(x, X)


# ---- convertor -----------------------------------------------------------------------------------------------------------


def spying(seen):
    """A loss in torch's words that keeps what it is given."""

    def loss(p, y):
        value = p.sub(y.to(p.dtype)).square().mean()
        seen.append((p, y))
        return value

    return loss


def test_default_convertor_casts_to_float32():
    """Nested float64 data arrives as float32 at the loss, targets too."""
    seen = []
    x = (X.astype("float64"), X2.astype("float64"))

    def loss(p, y):
        value = p[0].sub(y[0]).square().mean() + p[1].sub(y[1]).square().mean()
        seen.append([t.dtype for t in (*p, *y)])
        return value

    monkey = [Dense(2), Dense(5)]
    model = lambda a, b: (monkey[0](a), monkey[1](b))  # noqa: E731
    Workout(model, loss, seed=1).fit_((x, (Y.astype("float64"), Y3[2].astype("float64"))))
    assert seen == [[torch.float32] * 4]


def test_identity_passes_the_same_object():
    """With convertor=identity the loss of a torch backend is given the very tensor that the minibatch held."""
    seen = []
    batches = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in BATCHES]
    Workout(Dense(2), spying(seen), backend="torch", seed=1).fit_(batches, convertor=identity)
    assert len(seen) == 3
    for (_, given), (_, y) in zip(seen, batches, strict=True):
        assert given is y


def test_identity_leaves_the_dtype():
    """float64 data arrives as float64 in a float64 model with convertor=identity."""
    seen = []
    pp.set_context(dtype="float64")
    try:
        data = [(torch.from_numpy(X.astype("float64")), torch.from_numpy(Y.astype("float64")))]
        Workout(Dense(2), spying(seen), seed=1).fit_(data, convertor=identity)
    finally:
        pp.reset_context()
    assert [(p.dtype, y.dtype) for p, y in seen] == [(torch.float64, torch.float64)]


def test_identity_refuses_inputs_of_another_dtype_than_the_model():
    """A model of float32 says what is wrong when identity hands it float64 inputs, and how to have them cast."""
    workout = fresh()
    with pytest.raises(pp.DataError, match=r"inputs.*float32.*float64.*convertor"):
        workout.fit_((X.astype("float64"), Y), convertor=identity)


def test_convertor_is_applied_to_each_minibatch():
    """A function as convertor is given each minibatch (X, Y), of training and of validation, and its result is used."""
    seen = []

    def convertor(batch):
        x, y = batch
        seen.append((x.shape, y.shape))
        return x.astype("float32") * 2, y.astype("float32") - 1

    wide = X.astype("float64"), Y.astype("float64")
    workout = fresh().fit_(wide, wide, batch_size=8, shuffle=False, convertor=convertor)
    shapes = [((n, 4), (n, 2)) for n in (8, 8, 6)]
    assert seen == shapes * 2
    control = fresh().fit_((X * 2, Y - 1), (X * 2, Y - 1), batch_size=8, shuffle=False)
    np.testing.assert_allclose(workout.history("loss")[1], control.history("loss")[1], rtol=1e-6)
    assert workout.history["val_loss"][3] == pytest.approx(control.history["val_loss"][3], rel=1e-6)
    assert workout.evaluate(wide, convertor=convertor)["loss"] == pytest.approx(control.history["val_loss"][3], rel=1e-6)


@pytest.mark.parametrize("form", ["whole", "list", "generator"])
def test_identity_changes_no_number_of_clean_data(form):
    """Data that is float32 already trains alike with and without identity, shuffled alike."""
    forms = {"whole": lambda: (X, Y), "list": lambda: BATCHES, "generator": generator}
    plain, untouched = (fresh().fit_(forms[form](), epochs=2, batch_size=8, convertor=c) for c in (None, identity))
    np.testing.assert_allclose(untouched.history("loss")[1], plain.history("loss")[1], rtol=1e-6)
