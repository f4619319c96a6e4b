"""Batch and Seq, and cutting data into them."""

import itertools

import numpy as np
import pytest

from pyphoton import LSTM, MSE, SGD, ArgumentError, Dense, Sequential, Workout
from pyphoton.flux import (
    Batch,
    Batched,
    Seq,
    batches,
    batchone,
    chunk,
    onehot,
    partition,
    rawbatch,
    rpad,
    seqs,
    sequences,
    tobatch,
)

NESTED = [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]]


# ---- Batch and Seq ---------------------------------------------------------------------------------------------------


def test_a_batch_equals_its_list():
    """Flux's own test: it compares equal to the list, and is the matrix below."""
    xs = Batch([[1, 2, 3], [4, 5, 6]])
    assert xs == [[1, 2, 3], [4, 5, 6]]
    assert rawbatch(xs).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert [xs == other for other in ([[1, 2, 3]], [[1, 2, 3], [4, 5, 7]], [[1, 2], [4, 5]], [1, 2], "ab", 5, Batch([[1, 2, 3]]))] == [False] * 7
    assert xs != [[1, 2, 3], [4, 5, 7]]
    assert xs == Batch(np.array([[1.0, 2, 3], [4, 5, 6]]))


def test_nested_batches():
    """Flux's own test: batch 1, step 1, feature 3 is 3; batch 2, step 2, feature 1 is 10, counted from 1."""
    xs = Batch([Seq(s) for s in NESTED])
    assert xs == NESTED
    assert rawbatch(xs).shape == (2, 2, 3)
    assert (rawbatch(xs)[0, 0, 2], rawbatch(xs)[1, 1, 0]) == (3, 10)
    assert isinstance(xs[1], Seq)
    assert xs[1] == NESTED[1]
    assert [type(s) for s in xs] == [Seq, Seq]
    assert isinstance(xs[:1], Batch)
    assert isinstance(xs[:1][0], Seq)
    deep = Batch([xs, xs])
    assert isinstance(deep[0], Batch)
    assert isinstance(deep[0][1], Seq)
    assert rawbatch(deep).shape == (2, 2, 2, 3)
    assert rawbatch(Batch([Seq(np.zeros((3, 4))), Seq(np.ones((3, 4)))])).shape == (2, 3, 4)


def test_samples_are_views():
    """What is written into a sample is in the array; an array that a Batch is made of is not copied."""
    array = np.zeros((2, 3))
    xs = Batch(array)
    xs[0][1] = 5
    xs[1] = [1, 2, 3]
    assert array.tolist() == [[0, 5, 0], [1, 2, 3]]
    assert rawbatch(xs) is array
    assert np.shares_memory(np.asarray(xs), array)
    assert np.shares_memory(np.from_dlpack(xs), array)
    assert np.array(xs, dtype="float32").dtype == np.float32


def test_map_iterates_samples():
    """`map` stacks what a function makes of each sample; Python's own map sees samples, too."""
    xs = Batch([[[1, 2], [3, 4]], [[5, 6], [7, 8]]])
    assert xs.map(np.ravel) == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert isinstance(Seq([[1, 2], [3, 4]]).map(sum), Seq)
    assert list(map(np.sum, xs)) == [10, 26]
    assert len(xs) == 2
    assert repr(Batch([1, 2])) == "Batch([1, 2])"


def test_unequal_samples_are_refused():
    """As an AssertionError, like in Flux, and with the sample's number."""
    for bad in ([[1, 2], [1, 2, 3]], [np.zeros(2), np.zeros((2, 1))], [Seq([1, 2]), Seq([1, 2, 3])]):
        with pytest.raises(AssertionError, match=r"samples of one size, \(2,\), received .* at sample 1"):
            Batch(bad)
    for bad in ([], ["a", "b"], [Seq([1, 2]), [1, 2]], [Seq([1, 2]), Batch([1, 2])], 5, np.ones(()), [[1, [2, 3]]]):
        with pytest.raises(ArgumentError, match="Batch"):
            Batch(bad)


def test_batches_of_one():
    """batchone leaves a Batch alone and goes into tuples; tobatch gives the array."""
    xs = Batch([[1, 2]])
    assert batchone([1, 2]) == [[1, 2]]
    assert batchone(xs) is xs
    assert batchone(([1, 2], 3)) == ([[1, 2]], [3])
    assert tobatch([1, 2]).tolist() == [[1, 2]]
    assert tobatch(xs) is xs.raw
    assert isinstance(batchone(Seq([1, 2]))[0], Seq)
    assert tobatch((xs, 3))[1].tolist() == [3]


def test_rpad():
    """Up to n steps; a sequence that is long enough stays."""
    s = Seq([[1, 2], [3, 4]])
    assert rpad(s, 4, [0, 9]) == [[1, 2], [3, 4], [0, 9], [0, 9]]
    assert rpad(s, 2, [0, 0]) is s
    assert rpad(s, 1, [0, 0]) == s
    assert Batch([rpad(Seq(x), 3, 0) for x in ([1], [2, 3], [4, 5, 6])]) == [[1, 0, 0], [2, 3, 0], [4, 5, 6]]
    with pytest.raises(ArgumentError):
        rpad(s, 3, [0, 0, 0])


def test_models_and_fit_take_batches():
    """A Batch is the array that it holds: in a call, as a data set, and as a minibatch; so is a Batch of Seq."""
    random = np.random.default_rng(1)
    x, y = random.normal(size=(10, 4, 3)).astype("float32"), random.normal(size=(10, 2)).astype("float32")
    xs, ys = Batch([Seq(s) for s in x]), Batch(list(y))
    results = []
    for data in ((x, y), (xs, ys), [(xs, ys)]):
        workout = Workout(Sequential(LSTM(3, last_only=True), Dense(2)), MSE(), SGD(0.1), seed=3)
        workout.fit_(data, batch_size=None, epochs=2, shuffle=False)
        results.append(workout.predict(xs, makebatch=False))
        assert np.array_equal(workout.model(xs), workout.model(x))
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


# ---- cutting ---------------------------------------------------------------------------------------------------------


def test_partition_drops_what_is_left():
    """Groups of k of anything that can be iterated; slices of what can be sliced."""
    assert list(partition("abcdefg", 3)) == ["abc", "def"]
    assert list(partition([1, 2, 3, 4], 2)) == [[1, 2], [3, 4]]
    assert list(partition(iter(range(7)), 3)) == [[0, 1, 2], [3, 4, 5]]
    assert list(partition([1], 2)) == []
    first = next(partition(np.arange(6).reshape(3, 2), 2))
    assert first.tolist() == [[0, 1], [2, 3]]
    assert [type(part) for part in partition(Batch([1, 2, 3]), 2)] == [Batch]


def test_chunk_gives_n_equal_parts():
    """n of them, also where Flux gave more: 10 items in 4 chunks were 5 there."""
    assert chunk("abcdefgh", 3) == ["ab", "cd", "ef"]
    assert [list(c) for c in chunk(range(10), 4)] == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert chunk((i for i in range(5)), 2) == [[0, 1], [2, 3]]
    with pytest.raises(ArgumentError, match="at least 3 items for 3 parts, received 2"):
        chunk([1, 2], 3)


def test_iterators_are_read_as_far_as_asked():
    """Endless data give their first parts."""
    numbers = itertools.count()
    assert next(partition(numbers, 3)) == [0, 1, 2]
    assert next(sequences(numbers, 2)) == [3, 4]
    assert next(batches(itertools.count(), itertools.count(10))) == [0, 10]
    assert next(iter(Batched(itertools.count(), 2))) == [0, 1]
    assert next(numbers) == 5


def test_the_pipeline_of_a_text():
    """Characters in 3 streams of sequences of 2 steps, as char-rnn has them: batch b, step t is character b * 4 + t."""
    text = "abcdbcdacdab!"
    streams = (sequences((onehot(c, "abcd", dtype="float32") for c in part), 2) for part in chunk(text, 3))
    found = list(batches(*streams))
    assert [rawbatch(b).shape for b in found] == [(3, 2, 4)] * 2
    assert rawbatch(found[0]).dtype == np.float32
    read = ["".join("abcd"[i] for i in np.argmax(rawbatch(b)[1], axis=1)) for b in found]
    assert read == ["bc", "da"]
    assert [list(s) for s in seqs(range(5), 2)] == [[0, 1], [2, 3]]


def test_batched():
    """n consecutive items each, of pairs a pair of Batch; a list gives them in every epoch; the form of 2017 is the same."""
    assert list(Batched(range(5), 2)) == [[0, 1], [2, 3]]
    assert list(batches(range(5), 2)) == [[0, 1], [2, 3]]
    pairs = Batched([([1, 2], 3), ([4, 5], 6), ([7, 8], 9)], 2)
    for _ in range(2):
        ((x, y),) = pairs
        assert (x, y) == ([[1, 2], [4, 5]], [3, 6])
        assert isinstance(x, Batch)
    first, second = Batched(iter(range(4)), 2)  # every Batch has memory of its own
    assert (first, second) == ([0, 1], [2, 3])


def test_refusals():
    """Sizes are whole numbers above 0."""
    calls = (lambda: partition("ab", 0), lambda: chunk("ab", 1.5), lambda: sequences("ab", True), lambda: Batched([1], -1), lambda: batches(), lambda: batches(5))
    for bad in calls:
        with pytest.raises(ArgumentError):
            bad()
