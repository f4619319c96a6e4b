"""Data sets: what sample i is, for arrays, tables, image files and random numbers, and what they refuse."""

import time

import numpy as np
import pandas
import polars
import pytest
from PIL import Image

import pyphoton as pp
from pyphoton import (
    ArgumentError,
    DataError,
    DFDataset,
    ImageDataset,
    MiniBatch,
    OneHotEncoder,
    TestDataset,
    VectorDataset,
)

RANDOM = np.random.default_rng(4)


def test_vector_dataset_gives_rows():
    """Sample i is (x[i], y[i]) of arrays, lists and tuples of these."""
    x, y = RANDOM.normal(size=(5, 3)), list("abcde")
    data = pp.ArrayDataset((x, x[:, 0]), y)
    (row, number), label = data[3]
    assert (row.tolist(), number, label, len(data)) == (x[3].tolist(), x[3, 0], "d", 5)


@pytest.mark.parametrize("x, y", [([1, 2], [1]), ((np.ones(3), np.ones(2)), np.ones(3)), (np.ones(3), (np.ones(3), np.ones(4)))])
def test_unequal_lengths_are_assertion_errors(x, y):
    """Another number of samples in x than in y says both numbers, and is the AssertionError of Photon."""
    with pytest.raises(AssertionError, match=r"as many samples in x as in y, received \d and \d"):
        VectorDataset(x, y)


def test_vector_dataset_refuses_what_has_no_samples():
    """Single numbers, iterators and data frames are refused, the last with the way out."""
    for wrong in (3, iter([1]), np.array(1.0)):
        with pytest.raises(ArgumentError, match="x: an array or list"):
            VectorDataset(wrong, [1])
    with pytest.raises(ArgumentError, match="DFDataset"):
        VectorDataset(pandas.DataFrame({"a": [1]}), [1])


def test_memory_mapped_arrays_are_read_and_copied(tmp_path):
    """Samples of a memmap are the file's numbers, as arrays of their own, also after pages were given back."""
    numbers = RANDOM.normal(size=(300, 1 << 17)).astype("float32")  # 150 MiB: more than what stays resident
    np.save(tmp_path / "x.npy", numbers)
    data = VectorDataset(np.load(tmp_path / "x.npy", mmap_mode="r"), np.arange(300))
    assert not data.in_memory
    for i in (*range(0, 300, 2), 0, 1):
        row = data[i][0]
        assert type(row) is np.ndarray
        assert row[0] == numbers[i, 0]
    assert data._pages.bytes < 32 << 20
    view = VectorDataset(np.load(tmp_path / "x.npy", mmap_mode="r")[10:], np.arange(290))
    assert (view[5][0][0], len(view._pages.maps)) == (numbers[15, 0], 1)
    changed = np.load(tmp_path / "x.npy", mmap_mode="c")
    changed[0] = 5
    private = VectorDataset(changed, np.arange(300))
    assert [private[i][0][0] for i in (*range(1, 299), 0)][-1] == 5


def test_test_dataset_repeats_itself():
    """Random samples have their shapes and dtype, differ by index and seed, are the same each time, and take their time."""
    data = TestDataset((2, 3), 4, 10, sleep=0.02, dtype="float64")
    start = time.perf_counter()
    x, y = data[1]
    assert time.perf_counter() - start >= 0.02
    assert (x.shape, y.shape, x.dtype, len(data)) == ((2, 3), (4,), np.float64, 10)
    assert np.array_equal(x, data[1][0])
    assert not np.array_equal(x, data[2][0])
    assert not np.array_equal(TestDataset(3, 1, 2)[0][0], TestDataset(3, 1, 2, seed=1)[0][0])
    many = np.stack([x for x, _ in TestDataset(100, 1, 100)])
    assert (abs(many.mean()) < 0.05, abs(many.std() - 1) < 0.05) == (True, True)


# ---- tables ---------------------------------------------------------------------------------------------------------------------

TABLE = {"age": [30, 40, 50], "size": [1.5, 2.5, 3.5], "kind": ["cat", "dog", "cat"], "number": [2, 0, 1], "yes": [True, False, True]}
FRAMES = [pandas.DataFrame, polars.DataFrame]


@pytest.mark.parametrize("frame", FRAMES)
def test_columns_become_vectors(frame):
    """Lists of columns are vectors in their order; one name is a vector of one in X, and floats in Y; class numbers stay whole."""
    x, y = DFDataset(frame(TABLE), ["size", "age", "yes"], ["age", "number"])[1]
    assert (x.tolist(), y.tolist()) == ([2.5, 40, 0], [40, 0])
    x, y = DFDataset(frame(TABLE), "age", "size")[2]
    assert (x.tolist(), y.tolist()) == ([50], [3.5])
    y = DFDataset(frame(TABLE), "age", "number")[0][1]
    assert (y.tolist(), y.dtype.kind) == (2, "i")


@pytest.mark.parametrize("frame", FRAMES)
def test_labels_of_a_table_are_encoded(frame):
    """Strings in y stay labels, which OneHotEncoder takes; categories do, too."""
    table = frame(TABLE)
    kinds = table["kind"].astype("category") if frame is pandas.DataFrame else table["kind"].cast(polars.Categorical)
    for column in (table["kind"], kinds):
        made = frame({"age": TABLE["age"], "kind": column})
        x, y = next(iter(DFDataset(made, ["age"], "kind") | OneHotEncoder(["cat", "dog"]) | MiniBatch(3, shuffle=False)))
        assert (x.shape, y.tolist()) == ((3, 1), [[1, 0], [0, 1], [1, 0]])


@pytest.mark.parametrize("frame", FRAMES)
def test_tables_refuse_by_column_and_row(frame):
    """Unknown columns with the nearest name, missing values with their row, text in x."""
    table = frame({**TABLE, "gap": [1.0, None, 3.0]})
    with pytest.raises(ArgumentError, match=r"'aeg'.*Did you mean 'age'"):
        DFDataset(table, ["aeg"], "number")
    with pytest.raises(DataError, match="column 'gap': expected a value in every row, received none in row 1"):
        DFDataset(table, ["age", "gap"], "number")
    with pytest.raises(DataError, match="column 'kind': expected numbers, received values like 'cat'"):
        DFDataset(table, ["kind"], "number")


def test_what_is_no_table():
    """A dictionary is refused, a lazy frame with the way out."""
    with pytest.raises(ArgumentError, match="data frame"):
        DFDataset(TABLE, "age", "size")
    with pytest.raises(ArgumentError, match=r"collect\(\)"):
        DFDataset(polars.DataFrame(TABLE).lazy(), "age", "size")


# ---- images ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def pixels(tmp_path):
    """A 5 x 4 colour image, stored without loss, and its numbers (height, width, channels)."""
    numbers = RANDOM.integers(0, 256, (5, 4, 3), dtype="uint8")
    Image.fromarray(numbers).save(tmp_path / "a.png")
    return tmp_path / "a.png", numbers


def test_images_have_channels_first_and_numbers_to_one(pixels):
    """A sample is (3, H, W) of float32 in 0 to 1: channel c of pixel (i, j) is at [c, i, j]."""
    file, numbers = pixels
    x, y = ImageDataset([file], [7])[0]
    assert (x.shape, x.dtype, y) == ((3, 5, 4), np.float32, 7)
    for c in range(3):
        np.testing.assert_allclose(x[c], numbers[:, :, c] / 255, rtol=1e-6)


def test_images_in_other_modes(pixels, tmp_path):
    """Grey is one channel, RGBA four; grey, palette and 16-bit files become what is asked."""
    file, numbers = pixels
    grey = ImageDataset([file], [0], mode="L")[0][0]
    np.testing.assert_allclose(grey[0], numbers @ [0.299, 0.587, 0.114] / 255, atol=1 / 255)
    assert ImageDataset([file], [0], mode="RGBA")[0][0][3].tolist() == np.ones((5, 4)).tolist()
    deep = RANDOM.integers(0, 65536, (3, 2), dtype="uint16")
    Image.fromarray(deep).save(tmp_path / "deep.png")
    x = ImageDataset([tmp_path / "deep.png"], [0])[0][0]
    np.testing.assert_allclose(x, np.broadcast_to(deep / 65535, (3, 3, 2)), atol=1 / 255)
    Image.open(file).quantize(4).save(tmp_path / "palette.png")
    assert ImageDataset([str(tmp_path / "palette.png")], [0])[0][0].shape == (3, 5, 4)


def test_images_are_resized_to_height_and_width(pixels):
    """resize=(height, width); a plain colour keeps its value; images of two sizes then make a minibatch."""
    file, _ = pixels
    tall = file.with_name("tall.png")
    Image.new("RGB", (3, 9), (255, 0, 51)).save(tall)
    x, _ = next(iter(ImageDataset([file, tall], [0, 1], resize=(6, 8)) | MiniBatch(2, shuffle=False)))
    assert x.shape == (2, 3, 6, 8)
    np.testing.assert_allclose(x[1, :, 0, 0], [1, 0, 0.2], rtol=1e-6)
    with pytest.raises(DataError, match=r"sample 1.*crop, resize"):
        list(ImageDataset([file, tall], [0, 1]) | MiniBatch(2, shuffle=False))


def test_bad_images_name_their_files(pixels):
    """A missing file, a truncated one, one of another kind and an empty one each name the file and its number."""
    file, _ = pixels
    whole = file.read_bytes()
    broken = {"cut": whole[: len(whole) // 2], "text": b"no image at all", "empty": b"", "head": whole[:20], "mixed": whole[:50] + bytes(60)}
    for name, content in broken.items():
        file.with_name(f"{name}.png").write_bytes(content)
    for name in (*broken, "gone"):
        bad = file.with_name(f"{name}.png")
        with pytest.raises(DataError, match=rf"{name}\.png: expected an image file.*\(in sample 1\)"):
            list(ImageDataset([file, bad], [0, 1]) | MiniBatch(2, shuffle=False, workers=2))


def test_image_datasets_that_cannot_be(pixels):
    """Another number of labels is an AssertionError with both numbers; one file in place of a list is told."""
    file, _ = pixels
    with pytest.raises(AssertionError, match="2 files and 1 labels"):
        ImageDataset([file, file], [0])
    with pytest.raises(ArgumentError, match="a list of files"):
        ImageDataset(str(file), [0])
    for options in ({"mode": "CMYK"}, {"resize": (0, 3)}, {"resize": 2.5}):
        with pytest.raises(ArgumentError, match=next(iter(options))):
            ImageDataset([file], [0], **options)
