"""Transformers: what each makes of a sample, against formulas in NumPy, and how they are composed."""

import numpy as np
import pytest
import torch

import pyphoton as pp
from pyphoton import (
    ArgumentError,
    DataError,
    ImageCrop,
    Map,
    MiniBatch,
    Noise,
    Normalizer,
    OneHotEncoder,
    Split,
    Standardizer,
    Subset,
    TestDataset,
    VectorDataset,
    fit_,
)
from pyphoton.data.passes import Pass

RANDOM = np.random.default_rng(3)
IMAGES = RANDOM.normal(2, 3, (12, 3, 5, 6)).astype("float32")
ROWS = RANDOM.normal(-4, 5, (40, 7)).astype("float32")


def one(value, y=0):
    """A data set of one sample."""
    return VectorDataset([value], [y])


def test_normalizer_scales_and_does_not_add():
    """(x - mean) / std by channel: not x + (x - mean) / std."""
    means, stds = [1.0, 2.0, 3.0], [0.5, 2.0, 4.0]
    wanted = (IMAGES[0] - np.reshape(means, (3, 1, 1))) / np.reshape(stds, (3, 1, 1))
    found = (VectorDataset(IMAGES, np.zeros(12)) | Normalizer(means, stds))[0][0]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)
    assert found.dtype == np.float32
    assert (one(np.array([10.0, 20.0])) | Normalizer(10, 5))[0][0].tolist() == [0.0, 2.0]
    assert np.array_equal((one(IMAGES[0]) | Normalizer())[0][0], IMAGES[0])


def test_normalizer_refuses_what_does_not_fit():
    """A std of 0 and another number of channels are refused by name."""
    with pytest.raises(ArgumentError, match="stds"):
        Normalizer(0, [1.0, 0.0])
    with pytest.raises(DataError, match=r"2 places on the first axis, received \(3, 5, 6\)"):
        (one(IMAGES[0]) | Normalizer([1.0, 2.0]))[0]


@pytest.mark.parametrize("axis", ["X", "Y"])
def test_standardizer_learns_the_axis_it_is_told(axis):
    """Mean and standard deviation are those of X (or of Y), and X alone (or Y alone) is scaled by them."""
    y = RANDOM.normal(100, 0.1, (40, 2)).astype("float32")
    data, t = VectorDataset(ROWS, y), Standardizer(axis=axis)
    assert fit_(t, data) is t
    part, rows = (0, ROWS) if axis == "X" else (1, y)
    np.testing.assert_allclose(t.mean, rows.mean(0, dtype="float64"), rtol=1e-6)
    np.testing.assert_allclose(t.std, rows.std(0, dtype="float64"), rtol=1e-6)
    found = [np.stack(c) for c in zip(*(data | t), strict=True)]
    np.testing.assert_allclose(found[part], (rows - rows.mean(0)) / rows.std(0), rtol=1e-3, atol=1e-4)
    assert np.array_equal(found[1 - part], y if axis == "X" else ROWS)


def test_standardizer_of_images_and_sequences():
    """Images have one mean per channel, whatever their sizes; sequences of unequal lengths one per feature of the last axis."""
    t = fit_(Standardizer(), [(IMAGES[0], 0), (IMAGES[1, :, :4, :2], 0)])
    both = [np.concatenate([IMAGES[0, c].ravel(), IMAGES[1, c, :4, :2].ravel()]).astype("float64") for c in range(3)]
    np.testing.assert_allclose(t.mean, [b.mean() for b in both], rtol=1e-6)
    np.testing.assert_allclose(t.std, [b.std() for b in both], rtol=1e-6)
    series = [(ROWS[:13], 0), (ROWS[13:], 0)]
    t = fit_(Standardizer(features="last"), series)
    np.testing.assert_allclose(t.mean, ROWS.mean(0, dtype="float64"), rtol=1e-6)
    np.testing.assert_allclose((series | t)[0][0], (ROWS[:13] - ROWS.mean(0)) / ROWS.std(0), rtol=1e-3, atol=1e-4)


def test_standardizer_before_fit_and_constant_features():
    """It is refused before fit_; a feature that never changes becomes 0, not NaN; large means lose no precision."""
    with pytest.raises(pp.NotBuilt, match="fit_"):
        one(ROWS[0]) | Standardizer()
    big = VectorDataset(np.array([[1e8, 5.0], [1e8 + 2, 5.0]]), np.zeros(2))
    t = fit_(Standardizer(), big)
    assert t.std.tolist() == [1.0, 1.0]
    assert [x.tolist() for x, _ in big | t] == [[-1.0, 0.0], [1.0, 0.0]]


def test_one_hot_and_multi_hot():
    """5 is one-hot, [5, 7] multi-hot, strings and numbers of NumPy and torch alike; dtype as asked."""
    encode = OneHotEncoder([3, 5, 7])
    for label in (5, np.int64(5), np.array(5), torch.tensor(5)):
        assert (one(ROWS[0], label) | encode)[0][1].tolist() == [0, 1, 0]
    for labels in ([5, 7], np.array([5, 7])):
        assert (one(ROWS[0], labels) | encode)[0][1].tolist() == [0, 1, 1]
    found = (VectorDataset(["a", "c"], ["a", "c"]) | OneHotEncoder(["a", "b", "c"], axis=("X", "Y"), dtype="float64"))[1]
    assert [v.tolist() for v in found] == [[0, 0, 1]] * 2
    assert found[0].dtype == np.float64


def test_unknown_labels_name_themselves_and_the_known_ones():
    """A label that is not among them says which, and what is known; labels that occur twice are refused at once."""
    with pytest.raises(DataError, match=r"received 'dgo'. Did you mean 'dog'"):
        (one(0.0, "dgo") | OneHotEncoder(["cat", "dog"]))[0]
    with pytest.raises(DataError, match=r"received 9. Known: 1, 2"):
        (one(0.0, 9) | OneHotEncoder([1, 2]))[0]
    with pytest.raises(ArgumentError, match="none twice"):
        OneHotEncoder(["a", "a"])
    for wrong in ("abc", 3, []):
        with pytest.raises(ArgumentError, match="labels"):
            OneHotEncoder(wrong)


def test_noise_has_the_level_it_says():
    """x + level * normal: mean and spread of the difference are those of the level, and Y stays."""
    x = np.full((100, 100), 7, "float32")
    found, y = (one(x, 3) | Noise(0.2))[0]
    assert abs((found - x).mean()) < 0.01
    assert abs((found - x).std() - 0.2) < 0.01
    assert (y, found.dtype) == (3, np.float32)
    assert pp.NoisingTransformer is Noise


def test_image_crop_takes_every_offset():
    """Every window comes, the first and the last among them, all channels of it; equal sizes give the image itself."""
    image = np.arange(2 * 4 * 5).reshape(2, 4, 5)
    crop = one(image) | ImageCrop((3, 3))
    corners = {int(crop.sample(0, Pass(0, e))[0][0, 0, 0]) for e in range(100)}
    assert corners == {0, 1, 2, 5, 6, 7}
    window = crop.sample(0, Pass())[0]
    top, left = divmod(int(window[0, 0, 0]), 5)
    assert np.array_equal(window, image[:, top : top + 3, left : left + 3])
    assert np.array_equal((one(image) | ImageCrop((4, 5)))[0][0], image)


def test_image_crop_of_targets_center_and_too_small_images():
    """size_y crops Y at the same place; center takes the middle; an image that is too small says both sizes."""
    image = np.arange(36).reshape(1, 6, 6)
    both = one(image, image[0] * 10) | ImageCrop(3, 3)
    assert all(np.array_equal(10 * x[0], y) for x, y in (both.sample(0, Pass(0, e)) for e in range(20)))
    assert (one(image) | ImageCrop(2, center=True))[0][0].tolist() == [[[14, 15], [20, 21]]]
    with pytest.raises(DataError, match=r"at least \(7, 7\), received \(1, 6, 6\)"):
        (one(image) | ImageCrop(7))[0]


def test_map_of_pairs_and_of_one_part():
    """Map takes a function of (x, y) or of one of them; one that returns no pair is told."""
    assert (one(2.0, 3.0) | Map(lambda x, y: (y, x)))[0] == (3.0, 2.0)
    assert (one(2.0, 3.0) | Map(lambda y: y + 1, axis="Y"))[0] == (2.0, 4.0)
    with pytest.raises(DataError, match=r'returns a pair.*axis="X"'):
        (one(2.0) | Map(lambda x, y: x))[0]


def test_split_parts_all_samples():
    """100 samples split into 80 and 20, shuffled, each sample once; without shuffle from the front; 0.25 of 10 is round(7.5)."""
    data = VectorDataset(np.arange(100), np.arange(100))
    train, valid = data | Split()
    assert (len(train), len(valid)) == (80, 20)
    numbers = [[int(x) for x, _ in part] for part in (train, valid)]
    assert sorted(numbers[0] + numbers[1]) == list(range(100))
    assert numbers[1] != list(range(80, 100))
    assert [[int(x) for x, _ in part] for part in data | Split()] == numbers
    train, valid = VectorDataset(np.arange(10), np.arange(10)) | Split(0.25, shuffle=False)
    assert [int(x) for x, _ in valid] == [8, 9]


def test_subset_is_a_view():
    """A subset has the samples that are named, in that order, from numbers or a mask; nothing is copied."""
    x = np.arange(10.0)
    part = VectorDataset(x, x) | Subset([7, 2, -1])
    assert [float(a) for a, _ in part] == [7, 2, 9]
    x[7] = 70
    assert part[0][0] == 70
    assert [float(a) for a, _ in VectorDataset(x, x) | Subset(x < 2)] == [0, 1]
    assert len(VectorDataset(x, x) | Subset([])) == 0
    for wrong in ([10], [True, False], [1.5], 3):
        with pytest.raises(ArgumentError):
            VectorDataset(x, x) | Subset(wrong)


def test_pipelines_are_composed_in_any_order():
    """`a | b | c`, `c(b(a))` and a pipeline without a data set give the same samples; a list and a torch Dataset begin one."""
    steps = Normalizer(1, 2), Map(lambda x: x * 3, axis="X")
    together = steps[0] | steps[1]
    data = [(np.array([3.0]), 0), (np.array([5.0]), 1)]
    wanted = [[3.0], [6.0]]
    torch_data = torch.utils.data.TensorDataset(torch.tensor([[3.0], [5.0]]), torch.tensor([0, 1]))
    for made in (data | steps[0] | steps[1], steps[1](steps[0](data)), data | together, torch_data | together):
        assert [x.tolist() for x, _ in made] == wanted
    assert [x.tolist() for x, _ in data | (together | MiniBatch(2, shuffle=False))] == [wanted]
    assert [x.tolist() for x, _ in (data | together)[1:]] == wanted[1:]


@pytest.mark.parametrize("wrong", [(ROWS, ROWS), ROWS, {"a": 1}, 3, "data", iter([])], ids=lambda w: type(w).__name__)
def test_what_cannot_begin_a_pipeline(wrong):
    """Arrays, tuples, dictionaries and iterators before | are refused, arrays with the way out; so is a step after MiniBatch."""
    with pytest.raises(ArgumentError, match="VectorDataset" if isinstance(wrong, tuple | np.ndarray) else "__getitem__"):
        wrong | Noise()
    with pytest.raises(ArgumentError, match="MiniBatch as the last"):
        TestDataset(3, 1, 8) | MiniBatch(2) | Noise()


def test_data_sets_are_indexed_like_lists():
    """Negative numbers count from the end, others beyond it are IndexErrors, and iterating ends."""
    data = VectorDataset(np.arange(3), np.arange(3)) | Map(lambda x: x * 2, axis="X")
    assert (data[-1][0], len(data), [int(x) for x, _ in data]) == (4, 3, [0, 2, 4])
    for index in (3, -4):
        with pytest.raises(IndexError):
            data[index]
    with pytest.raises(ArgumentError, match="whole number"):
        data["x"]
