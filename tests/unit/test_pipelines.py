"""Data sets and MiniBatch in fit_ and evaluate: the same training as with arrays, repeatable, resumable, and without leaks."""

import gc
import threading
import time

import numpy as np
import pytest
import torch
from torch.utils.data import TensorDataset

import pyphoton as pp
from pyphoton import (
    MSE,
    SGD,
    Adam,
    ArgumentError,
    CrossEntropyLoss,
    DataError,
    Dense,
    DFDataset,
    HDF5Dataset,
    ImageCrop,
    Map,
    MiniBatch,
    Noise,
    Sequential,
    Split,
    TestDataset,
    VectorDataset,
    Workout,
    accuracy,
    evaluate,
    fit_,
    relu,
)

RANDOM = np.random.default_rng(6)
X = RANDOM.normal(size=(22, 4)).astype("float32")
Y = RANDOM.normal(size=(22, 2)).astype("float32")


def fresh():
    """The same small workout every time."""
    return Workout(Sequential(Dense(5, relu), Dense(2)), MSE(), Adam(0.01), seed=1)


def losses(workout):
    """The losses of all steps."""
    return workout.history("loss")[1].tolist()


def no_threads():
    """Whether no worker thread is alive."""
    return not [t for t in threading.enumerate() if t.name.startswith("pyphoton-data")]


class Both:
    """A data set without a base class."""

    def __len__(self):
        return 22

    def __getitem__(self, index):
        return X[index], Y[index]


def on_disk(folder):
    """The arrays as files, mapped into memory."""
    np.save(folder / "x.npy", X)
    np.save(folder / "y.npy", Y)
    return tuple(np.load(folder / f"{name}.npy", mmap_mode="r") for name in "xy")


def hdf5(folder):
    """The arrays in an HDF5 file."""
    import h5py

    if not (folder / "d.h5").exists():
        with h5py.File(folder / "d.h5", "w") as f:
            f["x"], f["y"] = X, Y
    return HDF5Dataset(folder / "d.h5", "x", "y")


def arrays_of_hdf5(folder):
    """The arrays of an HDF5 file as h5py shows them, which are not read before they are indexed."""
    data = hdf5(folder)
    return data.root["x"], data.root["y"]


SAMPLES = {
    "VectorDataset": lambda folder: VectorDataset(X, Y),
    "torch Dataset": lambda folder: TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)),
    "torch Subset": lambda folder: torch.utils.data.Subset(TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), range(22)),
    "transformed": lambda folder: Both() | Map(lambda x, y: (x, y)),
    "HDF5Dataset": hdf5,
    "h5py arrays": arrays_of_hdf5,
    "memmap": on_disk,
    "MiniBatch": lambda folder: VectorDataset(X, Y) | MiniBatch(8, drop_last=False, workers=3),
    "function": lambda folder: lambda: VectorDataset(X, Y),
}


@pytest.mark.parametrize("form", SAMPLES)
def test_samples_train_as_arrays_do(form, tmp_path):
    """Two shuffled epochs over a data set of samples are, step for step, two epochs over the arrays (X, Y)."""
    wanted = fresh().fit_((X, Y), (X, Y), epochs=2, batch_size=8)
    found = fresh().fit_(SAMPLES[form](tmp_path), SAMPLES[form](tmp_path), epochs=2, batch_size=8)
    assert (found.steps, found.epochs) == (6, 2)
    np.testing.assert_allclose(losses(found), losses(wanted), rtol=1e-6)
    np.testing.assert_allclose(found.history("val_loss")[1], wanted.history("val_loss")[1], rtol=1e-6)
    assert found.evaluate(SAMPLES[form](tmp_path))["loss"] == pytest.approx(wanted.evaluate((X, Y))["loss"], rel=1e-6)
    assert no_threads()


def test_samples_in_order_and_in_one_minibatch():
    """shuffle=False takes samples in their order; batch_size=None makes one minibatch of all."""
    for options in ({"shuffle": False, "batch_size": 5}, {"batch_size": None}):
        found, wanted = (fresh().fit_(data, epochs=2, **options) for data in (VectorDataset(X, Y), (X, Y)))
        np.testing.assert_allclose(losses(found), losses(wanted), rtol=1e-6)


def test_photons_data_test():
    """Photon's test: two epochs of 100 samples in minibatches of 8 are (100 // 8) * 2 steps; random crops on the way."""
    data = TestDataset((1, 28, 28), 10, 100) | ImageCrop((20, 24)) | MiniBatch(8)
    workout = fit_(Workout(Sequential(Dense(10)), MSE(), SGD()), data, epochs=2)
    assert (workout.steps, workout.epochs) == (24, 2)


def test_a_run_that_is_resumed_sees_the_same_minibatches():
    """Two fits of one epoch, with another pipeline object in the second, are one fit of two: the workout's epoch counts."""

    def data():
        return VectorDataset(X, Y) | Noise(0.3) | MiniBatch(4, workers=2)

    whole = fresh().fit_(data(), epochs=3)
    parts = fresh().fit_(data(), epochs=1)
    used = data()
    list(used)
    parts.fit_(used, epochs=2)
    assert losses(parts) == losses(whole)
    other = Workout(Sequential(Dense(5, relu), Dense(2)), MSE(), Adam(0.01), seed=2).fit_(data())
    assert losses(other) != losses(whole)[: len(losses(other))]


def test_a_seed_of_the_loader_goes_before_the_workouts():
    """MiniBatch(seed=...) fixes the order whatever the workout's seed; without it two seeds have two orders."""

    def order(workout_seed, loader_seed):
        seen = []
        data = VectorDataset(X, Y) | Map(lambda x, y: (seen.append(float(x[0])) or x, y)) | MiniBatch(4, workers=0, seed=loader_seed)
        Workout(Dense(2), MSE(), SGD(), seed=workout_seed).fit_(data)
        return seen

    assert order(1, 9) == order(2, 9)
    assert order(1, None) != order(2, None)


def test_a_convertor_gets_minibatches_of_samples():
    """convertor= sees each stacked minibatch."""
    shapes = []

    def look(batch):
        shapes.append((batch[0].shape, batch[1].shape))
        return batch

    fresh().fit_(VectorDataset(X, Y), batch_size=8, convertor=look)
    assert shapes == [((8, 4), (8, 2))] * 2 + [((6, 4), (6, 2))]


def test_tables_and_class_numbers_train():
    """A table with a column of class numbers trains with cross-entropy and accuracy; its parts of Split validate."""
    import pandas

    kinds = (X[:, 0] > 0).astype(int)
    table = pandas.DataFrame(X, columns=list("abcd")).assign(kind=kinds)
    train, valid = DFDataset(table, list("abcd"), "kind") | Split(0.25, shuffle=False)

    def trained(*data):
        return Workout(Dense(2), CrossEntropyLoss(use_softmax=True), Adam(0.1), metrics=[accuracy()], seed=0).fit_(*data, epochs=9, batch_size=8)

    found, wanted = trained(train, valid), trained((X[:16], kinds[:16]), (X[16:], kinds[16:]))
    assert len(valid) == 6
    for name in ("loss", "val_loss", "accuracy", "val_accuracy"):
        np.testing.assert_allclose(found.history(name)[1], wanted.history(name)[1], rtol=1e-5)
    assert evaluate(found, train)["accuracy"] > 0.9


@pytest.mark.parametrize("end", ["error of a sample", "error of a step", "not finite", "error of a callback", "stop"])
def test_a_fit_that_ends_early_leaves_no_thread(end):
    """Whatever ends a fit, the worker threads end with it, while the error is still held; and the next fit works."""

    def change(x, y):
        if end == "error of a sample" and y[0] == Y[9, 0]:
            raise KeyError("bad")
        if end == "error of a step":
            return x[:2] if y[0] == Y[9, 0] else x, y
        return x * np.inf if end == "not finite" and y[0] == Y[9, 0] else x, y

    def callback(workout, phase):
        if workout.steps == 3 and end == "error of a callback":
            raise ZeroDivisionError
        if workout.steps == 3 and end == "stop":
            pp.stop(workout, "enough")

    data = Both() | Map(change) | MiniBatch(1, shuffle=False, workers=3)
    workout = fresh()
    error = None
    try:
        workout.fit_(data, callbacks=[callback])
    except (KeyError, pp.PhotonError, ZeroDivisionError) as raised:
        error = raised
    assert (error is None) == (end == "stop")
    if end == "error of a sample":
        assert getattr(error, "__notes__", ["in sample 9"]) == ["in sample 9"]
    assert no_threads()
    assert workout.steps == (3 if end == "stop" else 0)
    assert workout.fit_(Both() | MiniBatch(2, workers=2)).steps == (14 if end == "stop" else 11)
    gc.collect()


def test_other_threads_run_while_a_step_does():
    """A step of some size lets the threads of Python run that load the next minibatch: on Julia, too, it holds no lock."""
    workout = Workout(Sequential(Dense(2048, relu), Dense(2048, relu), Dense(1)), MSE(), SGD(0.001))
    x, y = np.ones((256, 64), "float32"), np.ones((256, 1), "float32")
    workout.step_(x, y)
    ticks, ended = [], threading.Event()

    def tick():
        while not ended.wait(0.001):
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick)
    thread.start()
    batches, marks = iter([(x, y)] * 4), []
    workout.fit_(lambda: (marks.append(time.perf_counter()) or batch for batch in batches))
    end = time.perf_counter()
    ended.set()
    thread.join()
    longest = max(np.diff([marks[0], *(t for t in ticks if marks[0] < t < end), end]))
    assert longest < 0.5 * (end - marks[0]) / 4


def test_uneven_lengths_on_disk_are_refused(tmp_path):
    """Memory-mapped X and Y of unequal lengths are refused as arrays are."""
    x, y = on_disk(tmp_path)
    with pytest.raises((DataError, ArgumentError), match=r"22 and 20|22.*20"):
        fresh().fit_((x, y[:20]))


def test_no_samples_are_refused():
    """A data set without samples, and a MiniBatch larger than its data set, have no minibatch to train on."""
    for data in (VectorDataset(X[:0], Y[:0]), VectorDataset(X, Y) | MiniBatch(23)):
        with pytest.raises(DataError, match="at least one minibatch"):
            fresh().fit_(data)


def test_standardizer_is_fitted_by_the_free_verb_and_refuses_options():
    """fit_ of a Standardizer takes a data set and nothing else; of anything else that is no workout it is refused."""
    with pytest.raises(ArgumentError, match="Workout first"):
        fit_(pp.Standardizer(), VectorDataset(X, Y), epochs=3)
    with pytest.raises(ArgumentError, match="Workout first"):
        fit_(Noise(), VectorDataset(X, Y))
