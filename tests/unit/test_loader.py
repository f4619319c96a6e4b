"""MiniBatch: which minibatches there are, in which order, and what its worker threads do and leave behind."""

import gc
import threading
import time

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import ArgumentError, DataError, Dataloader, Dataset, Map, MiniBatch, Noise, TestDataset, VectorDataset
from pyphoton.data.passes import Pass

NUMBERS = np.arange(23, dtype="float32")


def plain(samples=23):
    """Sample i is (i, -i)."""
    numbers = np.arange(samples, dtype="float32")
    return VectorDataset(numbers, -numbers)


def read(loader):
    """The X of every minibatch as lists."""
    return [x.tolist() for x, _ in loader]


def loader_threads():
    """The worker threads that are alive."""
    return [t for t in threading.enumerate() if t.name.startswith("pyphoton-data")]


def none_left(seconds=5.0):
    """Whether all worker threads end within some seconds."""
    end = time.monotonic() + seconds
    while loader_threads() and time.monotonic() < end:
        time.sleep(0.01)
    return not loader_threads()


class Failing(Dataset):
    """Samples of which some raise an error of their own."""

    def __init__(self, *bad, error=KeyError):
        self.bad, self.error = bad, error

    def __len__(self):
        return 40

    def __getitem__(self, index):
        if index in self.bad:
            raise self.error(f"sample {index} is bad")
        return np.float32(index), np.float32(0)


class Counted(Dataset):
    """Counts the minibatches' worth of samples that were begun."""

    def __init__(self, samples):
        self.samples, self.begun, self.lock = samples, 0, threading.Lock()

    def __len__(self):
        return self.samples

    def __getitem__(self, index):
        with self.lock:
            self.begun += 1
        return np.float32(index), np.float32(0)


@pytest.mark.parametrize(("samples", "batches"), [(16, 2), (17, 2), (23, 2), (24, 3), (7, 0)])
@pytest.mark.parametrize("workers", [0, 3])
def test_whole_minibatches_exactly(samples, batches, workers):
    """n // batch_size minibatches, the last of them included when the size divides n (16 / 8 gives 2, not 1)."""
    loader = plain(samples) | MiniBatch(8, shuffle=False, workers=workers)
    assert len(loader) == batches
    assert read(loader) == [list(range(8 * i, 8 * i + 8)) for i in range(batches)]


def test_drop_last_false_keeps_the_rest():
    """With drop_last=False the last, smaller minibatch comes, too, and is counted."""
    loader = plain(19) | MiniBatch(8, shuffle=False, drop_last=False)
    assert len(loader) == 3
    assert read(loader)[-1] == [16.0, 17.0, 18.0]


def test_shuffle_is_a_permutation_and_new_in_each_pass():
    """Every sample comes once in a pass, X with its Y; the second pass has another order, a second loader the same ones."""
    loader, again = (plain(24) | MiniBatch(8) for _ in range(2))
    first, second = list(loader), list(loader)
    assert sorted(n for x, _ in first for n in x) == list(range(24))
    assert all((x == -y).all() for x, y in first)
    assert [x.tolist() for x, _ in first] != [x.tolist() for x, _ in second]
    assert [read(again), read(again)] == [[x.tolist() for x, _ in p] for p in (first, second)]
    assert [int(n) for x, _ in first for n in x] == Pass(0, 0).order(24).tolist()


def test_order_and_random_numbers_do_not_depend_on_the_workers():
    """One pass is the same to the last bit with no, one and seven workers, and with samples that take unequal times."""

    def slow(x, y):
        time.sleep(0.001 * (int(y[0] * 100) % 3))
        return x, y

    passes = []
    for workers in (0, 1, 7):
        loader = TestDataset((2, 3), 2, 40) | Map(slow) | Noise(0.5) | MiniBatch(8, workers=workers, prefetch=3, seed=5)
        passes.append([np.concatenate([x.ravel() for x, _ in loader]) for _ in range(2)])
    for other in passes[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(passes[0], other, strict=True))
    assert not np.array_equal(np.sort(passes[0][0]), np.sort(passes[0][1]))  # the noise of the second pass is other noise


def test_random_numbers_belong_to_seed_pass_sample_and_place():
    """Noise differs between samples, passes, seeds and two steps of one pipeline; equal ones repeat."""
    zeros = VectorDataset(np.zeros((3, 4), "float32"), np.zeros(3))
    once, twice = zeros | Noise(1), zeros | Noise(1) | Noise(1)
    drawn = [once.sample(i, Pass(s, e))[0] for i in (0, 1) for s in (0, 1) for e in (0, 1)]
    assert len({a.tobytes() for a in drawn}) == 8
    assert np.array_equal(once.sample(0, Pass(1, 1))[0], once.sample(0, Pass(1, 1))[0])
    assert not np.allclose(twice.sample(0, Pass())[0], 2 * once.sample(0, Pass())[0])


def test_tuples_are_stacked_member_by_member():
    """Two inputs and two outputs become two arrays each; a tuple of one stays a tuple."""
    data = VectorDataset((NUMBERS, np.ones((23, 2))), (NUMBERS * 2,))
    (a, b), (y,) = next(iter(data | MiniBatch(4, shuffle=False)))
    assert (a.tolist(), b.shape, y.tolist()) == ([0, 1, 2, 3], (4, 2), [0, 2, 4, 6])


def test_photons_first_minibatch():
    """Photon's test: MiniBatch(8) over (28, 28, 1) images and 10 targets; here the batch is in front."""
    loader = TestDataset((1, 28, 28), 10, 100) | MiniBatch(8)
    x, y = next(iter(loader))
    assert (x.shape, y.shape, len(loader), x.dtype) == ((8, 1, 28, 28), (8, 10), 12, np.float32)
    assert [len(Dataloader(TestDataset(3, 1, 100), 16, shuffle=False)), len(MiniBatch(16)(TestDataset(3, 1, 100)))] == [6, 6]


def test_samples_load_at_the_same_time():
    """100 samples of 10 ms in minibatches of 32 load much faster in 8 threads than one after the other would (0.96 s)."""
    start = time.perf_counter()
    assert len(list(TestDataset(2, 1, 100, sleep=0.01) | MiniBatch(32, workers=8))) == 3
    assert time.perf_counter() - start < 0.48


def test_the_next_minibatches_are_loaded_meanwhile():
    """While the consumer works on one minibatch the next ones load: it then waits for none of them."""
    waited = []
    iterator = iter(TestDataset(2, 1, 24, sleep=0.005) | MiniBatch(4, workers=4))
    next(iterator)
    for _ in range(5):
        time.sleep(0.06)
        start = time.perf_counter()
        next(iterator)
        waited.append(time.perf_counter() - start)
    assert sorted(waited)[2] < 0.005


@pytest.mark.parametrize(("workers", "prefetch", "size"), [(1, 1, 4), (4, 2, 4), (4, 2, 1), (3, 5, 8)])
def test_never_more_minibatches_than_prefetch_and_workers(workers, prefetch, size):
    """A consumer that takes one minibatch and stops makes at most prefetch + workers more begin: memory is bounded."""
    data = Counted(400)
    iterator = iter(data | MiniBatch(size, shuffle=False, workers=workers, prefetch=prefetch))
    next(iterator)
    time.sleep(0.2)
    begun = data.begun
    assert size * (1 + prefetch) <= begun <= size * (1 + prefetch + workers)
    time.sleep(0.05)
    assert data.begun == begun
    iterator.close()


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_an_error_of_a_sample_arrives_with_its_number(workers):
    """The consumer gets the error itself, of its own type, after the minibatches before it; the first bad sample wins."""
    iterator = iter(Failing(27, 25) | MiniBatch(8, shuffle=False, workers=workers))
    assert [int(next(iterator)[0][0]) for _ in range(3)] == [0, 8, 16]
    with pytest.raises(KeyError, match="sample 25 is bad") as caught:
        next(iterator)
    assert getattr(caught.value, "__notes__", ["in sample 25"]) == ["in sample 25"]
    assert list(iterator) == []
    assert none_left()


def test_an_error_of_the_library_carries_the_number_in_its_text():
    """A DataError in a transformer says which sample it was, on every Python."""
    data = VectorDataset(np.zeros((4, 1)), ["a", "b", "c", "d"]) | pp.OneHotEncoder(["a", "b", "d"])
    with pytest.raises(DataError, match=r"known label, received 'c'.*\(in sample 2\)"):
        list(data | MiniBatch(2, shuffle=False, workers=2))


def test_even_an_exit_in_a_worker_arrives():
    """SystemExit, which would end a thread in silence, reaches the consumer instead of leaving it to wait for ever."""
    with pytest.raises(SystemExit):
        list(Failing(3, error=SystemExit) | MiniBatch(8, workers=2))
    assert none_left()


def test_uneven_samples_are_named():
    """A sample of another shape, and one with another number of inputs, is refused with its number and what was expected."""
    uneven = [(np.zeros((3, 4)), 0), (np.zeros((3, 4)), 0), (np.zeros((3, 5)), 0), (np.zeros((3, 4)), 0)]
    with pytest.raises(DataError, match=r"sample 2: expected an array \(3, 4\) like sample 0, received \(3, 5\)"):
        list(uneven | MiniBatch(4, shuffle=False, workers=2))
    forms = [(NUMBERS, 0), ((NUMBERS, NUMBERS), 0)]
    with pytest.raises(DataError, match=r"sample 1: expected as many inputs and targets as sample 0"):
        list(forms | MiniBatch(2, shuffle=False))


def test_labels_and_items_that_are_no_pairs_are_refused():
    """Strings name OneHotEncoder as the way out; items that are no pair say what they are."""
    with pytest.raises(DataError, match=r"numbers, received 'cat'.*OneHotEncoder"):
        list([(1.0, "cat")] | MiniBatch(1))
    with pytest.raises(DataError, match=r"samples \(X, Y\), received tuple of length 3"):
        list([(1, 2, 3)] | MiniBatch(1))


@pytest.mark.parametrize("end", ["break", "exception", "close", "garbage"])
def test_no_thread_is_left_behind(end):
    """However an iteration ends, its worker threads end, too."""
    loader = TestDataset(2, 1, 400, sleep=0.001) | MiniBatch(4, workers=5)

    def begin():
        for number, _ in enumerate(loader):
            if number == 2 and end == "break":
                break
            if number == 2 and end == "exception":
                raise ZeroDivisionError
            if number == 2 and end in ("close", "garbage"):
                return

    try:
        begin()
    except ZeroDivisionError:
        assert end == "exception"
    if end == "close":
        iterator = iter(loader)
        next(iterator)
        assert loader_threads()
        iterator.close()
    if end == "garbage":
        ring = [iter(loader)]
        next(ring[0])
        ring.append(ring)
        del ring
        gc.collect()
    assert none_left()


def test_two_iterations_at_once_do_not_disturb_each_other():
    """Two iterators of one loader are two passes; read in turn each gives what it gives alone."""
    loader = plain(24) | MiniBatch(4, workers=3)
    alone = [read(loader), read(loader)]
    again = plain(24) | MiniBatch(4, workers=3)
    one, two = iter(again), iter(again)
    pairs = list(zip(one, two, strict=True))
    assert [[x.tolist() for (x, _), _ in pairs], [x.tolist() for _, (x, _) in pairs]] == alone


def test_a_pipeline_in_a_pipeline():
    """A function that reads another loader inside a worker thread works, and leaves no thread."""
    inner = plain(8) | MiniBatch(4, workers=2, shuffle=False)

    def total(x):
        return x + sum(float(a.sum()) for a, _ in inner)

    outer = plain(8) | Map(total, axis="X") | MiniBatch(4, workers=2, shuffle=False)
    assert read(outer) == [[28.0, 29.0, 30.0, 31.0], [32.0, 33.0, 34.0, 35.0]]
    assert none_left()


@pytest.mark.parametrize(
    "options",
    [{"batch_size": 0}, {"batch_size": 2.5}, {"workers": -1}, {"prefetch": 0}, {"seed": -1}, {"shuffle": "yes"}, {"drop_last": 2}],
    ids=str,
)
def test_options_that_cannot_be(options):
    """Options are refused when they are given, by name."""
    with pytest.raises(ArgumentError, match=next(iter(options))):
        MiniBatch(**options)
