"""Arrays of other libraries as inputs and targets, against the same numbers in NumPy; and results of their kind."""

import decimal

import numpy as np
import pytest

from pyphoton import (
    SGD,
    ArgumentError,
    CrossEntropyLoss,
    DataError,
    Dense,
    DFDataset,
    KorA,
    Sequential,
    UnknownName,
    Workout,
    evaluate,
    fit_,
    predict,
    relu,
    set_context,
)
from pyphoton.interop import as_kind

RANDOM = np.random.default_rng(7)
X, Y = RANDOM.normal(size=(12, 3)), np.arange(12) % 2


def library(name):
    """A library, or a skip where it is not installed."""
    return pytest.importorskip(name, reason=f"{name} is not installed")


def frame(name, a):
    """A table or a column of pandas or polars."""
    module = library(name)
    return module.DataFrame(a) if a.ndim == 2 else module.Series(a)


class ByDLPack:
    """An array that offers itself by DLPack alone, as libraries that NumPy does not know."""

    def __init__(self, a):
        self.a = a

    def __dlpack__(self, **options):
        return self.a.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.a.__dlpack_device__()


class ByInterface:
    """An array that offers itself by NumPy's array interface alone."""

    def __init__(self, a):
        self.a, self.__array_interface__ = a, a.__array_interface__


FORMS = {
    "list": lambda a: a.tolist(),
    "pandas": lambda a: frame("pandas", a),
    "pandas nullable": lambda a: frame("pandas", a).convert_dtypes(),
    "polars": lambda a: frame("polars", a),
    "torch": lambda a: library("torch").tensor(a),
    "torch with gradient": lambda a: library("torch").tensor(a, requires_grad=a.dtype.kind == "f"),
    "jax": lambda a: library("jax").numpy.asarray(a),
    "pyarrow": lambda a: library("pyarrow").table({str(i): a[:, i] for i in range(3)}) if a.ndim == 2 else library("pyarrow").array(a),
    "dlpack": ByDLPack,
    "interface": ByInterface,
    "decimals": lambda a: frame("pandas", np.vectorize(decimal.Decimal, otypes=[object])(a)) if a.ndim == 2 else a,
}


def trained(x, y, **options):
    """What three epochs on (x, y) come to: predictions for x, loss over all."""
    workout = Workout(Sequential(Dense(4, relu), Dense(2)), CrossEntropyLoss(use_softmax=True), SGD(0.1), seed=3)
    fit_(workout, (x, y), epochs=2, batch_size=5, verbose=False, **options)
    fit_(workout, [(x, y)], verbose=False, **options)
    return workout, predict(workout, x, batch_size=5), evaluate(workout, (x, y), batch_size=5)["loss"]


@pytest.mark.parametrize("name", FORMS)
def test_whatever_holds_numbers_goes_in(name):
    """Whole data sets, minibatches, predict, evaluate and a call of the model give what the same numbers in NumPy give."""
    x, y = FORMS[name](X), FORMS[name](Y)
    workout, p, loss = trained(x, y)
    expected, expected_p, expected_loss = trained(X.astype("float32"), Y)
    np.testing.assert_array_equal(p, expected_p)
    assert loss == expected_loss
    np.testing.assert_array_equal(workout.model(x), expected.model(X))
    assert isinstance(p, np.ndarray)


@pytest.mark.parametrize("name", [name for name in FORMS if name not in ("dlpack", "interface")])  # which have no shape
def test_batches_of_systems(name):
    """Arrays of a system's data, tables among them, are those of NumPy."""
    from pyphoton.systems import MLSystem, setup

    class Classes(MLSystem):
        def __init__(self):
            self.net = Dense(2)

        def training_step(self, batch):
            x, y = batch
            return CrossEntropyLoss(use_softmax=True)(self.net(x), y)

        def configure_optimizer(self):
            return SGD(0.1)

    found = []
    for x, y in ((FORMS[name](X), FORMS[name](Y)), (X, Y)):
        trainer = setup(Classes(), (x, y), seed=1)
        found.append(trainer.fit(2, batch_size=5, verbose=False).history("loss")[1])
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("name", ["jax", "torch", "pandas", "polars", "dlpack"])
def test_a_convertor_of_the_user(name):
    """KorA makes NumPy's arrays of all of them; whole numbers of any width are class numbers."""
    x, y = FORMS[name](X), FORMS[name](Y.astype("int32"))
    _, p, _ = trained(x, y, convertor=lambda batch: (KorA(batch[0]), KorA(batch[1])))
    cut = {"batch": lambda b: (np.asarray(b[0], "float32"), np.asarray(b[1]))}
    np.testing.assert_array_equal(p, trained(X, Y, convertor=cut["batch"])[1])


def test_nothing_is_copied_where_it_fits():
    """float32 of torch and pandas is read where it lies: what a model is given is that memory."""
    from pyphoton.data.arrays import as_array

    a = X.astype("float32")
    assert np.shares_memory(as_array(library("torch").from_numpy(a), "x"), a)
    assert np.shares_memory(as_array(ByDLPack(a), "x"), a)
    assert np.shares_memory(as_array(library("pandas").DataFrame(a, copy=False), "x"), a)


def test_bfloat16_is_read_as_float32():
    """NumPy has no such type."""
    x = library("torch").tensor(X).bfloat16()
    model = Dense(2)
    np.testing.assert_array_equal(model(x), model(x.float().numpy()))


@pytest.mark.parametrize("name", ["pandas", "polars"])
def test_columns_of_several_types(name):
    """float32, whole numbers and truth values side by side are numbers."""
    columns = {"a": X[:, 0].astype("float32"), "b": Y, "c": X[:, 2] > 0}
    table = library(name).DataFrame(columns)
    model = Dense(2)
    np.testing.assert_array_equal(model(table), model(np.stack(list(columns.values()), axis=1)))


@pytest.mark.parametrize("name", ["pandas", "polars"])
def test_what_is_no_number_is_named(name):
    """Text, categories and missing values are errors that name the column, and the row."""
    module = library(name)
    text = module.DataFrame({"size": X[:, 0], "colour": ["red", "green"] * 6})
    with pytest.raises(DataError, match="inputs, column 'colour': expected numbers, received values like 'red'"):
        Dense(2)(text)
    category = module.Series(["red", "green"] * 6, dtype="category" if name == "pandas" else module.Categorical)
    with pytest.raises(DataError, match="targets: expected numbers, received categories"):
        trained(X, category)
    with pytest.raises(DataError, match="inputs, column 'b': expected a value in every row, received none in row 2"):
        Dense(2)(module.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, None]}))
    with pytest.raises(DataError, match="column 'a': expected a value in every row, received none in row 1"):
        DFDataset(module.DataFrame({"a": [1.0, None], "b": [1.0, 2.0]}), "a", "b")


def test_a_pandas_category_of_numbers_is_refused():
    """Its numbers are names: whoever means them as numbers says so."""
    pandas = library("pandas")
    with pytest.raises(DataError, match="column 'a': expected numbers, received categories"):
        Dense(2)(pandas.DataFrame({"a": pandas.Categorical([1, 2, 3])}))


def test_masked_elements_are_missing_values():
    """NumPy's masked arrays: what is masked is not read as if it were there."""
    with pytest.raises(DataError, match="inputs: expected a value everywhere, received an array with masked elements"):
        Dense(2)(np.ma.masked_greater(X, 1.0))
    np.testing.assert_array_equal((model := Dense(2))(np.ma.array(X)), model(X))


def test_a_lazy_table_is_told_to_collect():
    """polars' lazy frames have no rows yet."""
    with pytest.raises(DataError, match=r"Write x.collect\(\) first"):
        Dense(2)(library("polars").DataFrame(X).lazy())


@pytest.mark.parametrize(("name", "kind"), [("list", list), ("torch", "Tensor"), ("jax", "Array"), ("pandas", "DataFrame"), ("polars", "DataFrame")])
def test_results_as_what_went_in(name, kind):
    """`like=x` gives the kind of x, `like="..."` the same by name; the numbers are those of NumPy."""
    x = FORMS[name](X)
    model = Sequential(Dense(4), Dense(2))
    expected = predict(model, X)
    for found in (predict(model, x, like=x), predict(Workout(model, "mse"), X, like=name), as_kind(model(x), x)):
        assert isinstance(found, list) if kind is list else type(found).__name__.endswith(kind) or kind in str(type(found))
        np.testing.assert_array_equal(np.asarray(found, "float32"), expected)


def test_tables_keep_their_index_and_names():
    """The index is that of the input; names of columns are those of the targets that are named, never those of the input."""
    pandas = library("pandas")
    x = pandas.DataFrame(X[:, :2], index=list("abcdefghijkl"), columns=["width", "height"])
    targets = pandas.DataFrame({"price": [0.0], "weight": [0.0]})
    model = Sequential(Dense(2))
    plain, named = predict(model, x, like=x), predict(model, x, like=targets)
    assert list(plain.index) == list(named.index) == list("abcdefghijkl")
    assert (list(plain.columns), list(named.columns)) == ([0, 1], ["price", "weight"])
    column = predict(Sequential(Dense(1), lambda t: t[:, 0]), x, like=pandas.Series([1.0], name="price"))
    assert (column.name, list(column.index)) == ("price", list(x.index))
    assert predict(model, x.iloc[0].to_numpy(), makebatch=True, like="pandas").shape == (2,)
    polars = library("polars")
    assert predict(model, x, like=polars.DataFrame({"p": [1.0], "q": [2.0]})).columns == ["p", "q"]


def test_torch_results_share_memory():
    """No copy is made of what is computed already."""
    a = np.arange(6.0).reshape(2, 3)
    made = as_kind(a, "torch")
    made[0, 0] = 9
    assert a[0, 0] == 9


def test_several_inputs_and_outputs():
    """The first input decides; a tuple of results stays one; float64 stays float64."""
    set_context(dtype="float64")
    torch = library("torch")

    def model(a, b):
        return a + b, a

    p, q = predict(model, (torch.tensor(X), torch.tensor(X)), like=(torch.tensor(X), torch.tensor(X)))
    np.testing.assert_array_equal(p.numpy(), X + X)
    assert p.dtype == q.dtype == torch.float64


def test_kinds_that_cannot_be():
    """An unknown kind, and a table of three axes."""
    with pytest.raises(UnknownName, match=r"like=: .*'panda'.*Did you mean 'pandas'"):
        predict(Dense(2), X, like="panda")
    with pytest.raises(UnknownName, match="a kind of array"):
        as_kind(X, object())
    library("pandas")
    with pytest.raises(ArgumentError, match="a result of one or two axes for a table"):
        as_kind(np.zeros((2, 2, 2)), "pandas")
