"""HDF5 files, JLD2 files in the layout that Julia writes, written here by h5py, and one that Julia's JLD2 has written."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from pyphoton import ArgumentError, DataError, HDF5Dataset, JLDDataset, MiniBatch, OneHotEncoder

WRITTEN = Path(__file__).parents[1] / "golden" / "jld2" / "samples.jld2"
RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(12, 3, 4)).astype("float32")
Y = RANDOM.normal(size=(12, 2))


@pytest.fixture
def file(tmp_path):
    """The path of a file with arrays."""
    path = tmp_path / "data.h5"
    with h5py.File(path, "w") as f:
        f["x"], f["y"], f["short"], f["inner/z"] = X, Y, Y[:5], Y
        f["word"] = "hello"
    return path


def tuple_type(*kinds):
    """The compound type that JLD2 has for a tuple: fields "1", "2" ...; references to arrays, numbers within it."""
    return np.dtype([(str(i + 1), kind) for i, kind in enumerate(kinds)])


def write_tuple(f, key, *members):
    """`f[key] = (members...)` as Julia's JLD2 writes it: a committed compound type, whose fields refer to arrays."""
    types = f.require_group("_types")
    fields, kinds = [], []
    for member in members:
        if isinstance(member, np.ndarray):
            # in JLD2 only the reference points to an array; h5py would drop one without a name
            fields.append(types.create_dataset(f"array{len(types)}", data=member).ref)
            kinds.append(h5py.ref_dtype)
        else:
            fields.append(member)
            kinds.append(h5py.string_dtype() if isinstance(member, str) else np.asarray(member).dtype)
    kind = tuple_type(*kinds)
    types[f"{len(types):08d}"] = kind
    f.create_dataset(key, shape=(), dtype=types[f"{len(types) - 1:08d}"])[()] = np.array(tuple(fields), dtype=kind)


@pytest.fixture
def jld(tmp_path):
    """The path of a JLD2 file with twelve keys, each (X, Y) with arrays."""
    path = tmp_path / "data.jld2"
    with h5py.File(path, "w") as f:
        for i in range(12):
            write_tuple(f, f"sample{i + 1}", X[i], Y[i])
    return path


def test_arrays_by_name(file):
    """Sample i is (x[i], y[i]) of two arrays; paths into groups, several inputs, an open file and a group work as well."""
    data = HDF5Dataset(file, "x", "inner/z")
    assert len(data) == 12
    x, y = data[3]
    assert (x.dtype, np.array_equal(x, X[3]), np.array_equal(y, Y[3])) == (np.float32, True, True)
    data.close()
    with h5py.File(file) as f:
        (a, b), y = HDF5Dataset(f, ["x", "y"], "y")[11]
        assert (np.array_equal(a, X[11]), np.array_equal(b, Y[11])) == (True, True)
        assert np.array_equal(HDF5Dataset(f["inner"], "z", "z")[0][0], Y[0])


def test_keys_of_julia_are_samples(jld):
    """Each key of a JLD2 file is a sample, in the order of their numbers, "_types" is none; references lead to the arrays."""
    data = JLDDataset(jld)
    assert len(data) == 12
    assert data.keys[:3] == ["sample1", "sample2", "sample3"]
    for i in range(12):
        assert np.array_equal(data[i][0], X[i])
        assert np.array_equal(data[i][1], Y[i])
    x, y = next(iter(data | MiniBatch(12, shuffle=False, workers=3)))
    assert np.array_equal(x, X)
    assert np.array_equal(y, Y)
    data.close()


def test_numbers_strings_and_nested_tuples_of_julia(tmp_path):
    """Numbers lie within the tuple, strings become labels, and a tuple in a tuple a tuple."""
    with h5py.File(tmp_path / "d.jld2", "w") as f:
        write_tuple(f, "1", X[0], 3)
        write_tuple(f, "2", X[0], "dog")
        inner = tuple_type(h5py.ref_dtype, h5py.ref_dtype)
        a, b = (f.create_dataset(f"_types/{n}", data=v) for n, v in (("a", X[1]), ("b", Y[1])))
        outer = np.dtype([("1", inner), ("2", "<i8")])
        f.create_dataset("3", shape=(), dtype=outer)[()] = np.array(((a.ref, b.ref), 5), dtype=outer)
        f["4/x"], f["4/y"] = X[2], Y[2]
        with_array = np.dtype([("1", "<f4", (3, 4)), ("2", "<f8")])
        f.create_dataset("5", shape=(), dtype=with_array)[()] = np.array((X[3], 2.5), dtype=with_array)
    data = HDF5Dataset(tmp_path / "d.jld2")
    assert (data[0][1], data[1][1]) == (3, "dog")
    (one, two), number = data[2]
    assert (np.array_equal(one, X[1]), np.array_equal(two, Y[1]), number) == (True, True, 5)
    assert np.array_equal(data[3][1], Y[2])
    assert (np.array_equal(data[4][0], X[3]), data[4][1]) == (True, 2.5)
    encoded = data[1:2] | OneHotEncoder(["cat", "dog"])
    assert encoded[0][1].tolist() == [0, 1]
    data.close()


def test_a_file_that_julia_has_written():
    """A file of JLD2 itself (golden/jld2/write.jl): a Julia image (W, H, C) is (C, H, W) here, tuples and numbers are as written."""
    data = HDF5Dataset(WRITTEN)
    assert data.keys == ["image1", "image2", "image9", "image10", "image11", "struct"]
    for i in (1, 2):
        x, y = data[i - 1]
        assert np.array_equal(x, np.arange(1, 25, dtype="float32").reshape(2, 3, 4) + i)
        assert (x.dtype, y.tolist()) == (np.float32, [i, -i])
    (matrix, vector), number = data[2]
    assert (matrix.tolist(), vector.tolist(), number) == ([[1, 4], [2, 5], [3, 6]], [3, 4], 7)
    assert (data[3][0].tolist(), data[3][1]) == ([1, 2], "dog")
    assert (data[4][0].tolist(), data[4][1]) == ([1, 2], 1)
    with pytest.raises(DataError, match="struct with fields x, y"):
        data[5]
    x, _ = next(iter(data[:2] | MiniBatch(2, shuffle=False)))
    assert x.shape == (2, 2, 3, 4)
    data.close()


def test_values_that_are_no_samples(tmp_path):
    """An array, a struct of Julia and a reference to nothing are refused with file, key and the way out."""
    with h5py.File(tmp_path / "d.jld2", "w") as f:
        f["array"] = X
        struct = np.dtype([("indices", "<u4"), ("nlabels", "<u4")])
        f.create_dataset("struct", shape=(), dtype=struct)[()] = np.array((1, 2), dtype=struct)
        nothing = tuple_type(h5py.ref_dtype, "<i8")
        f.create_dataset("zero", shape=(), dtype=nothing)
    data = HDF5Dataset(tmp_path / "d.jld2")
    for index, text in enumerate(
        (r"d.jld2: array: expected a pair \(X, Y\), received an array \(12, 3, 4\).*HDF5Dataset\(file, x, y\)",
         "struct: expected a tuple of Julia, received a struct with fields indices, nlabels", "zero: expected a value, received a reference to nothing")
    ):  # fmt: skip
        with pytest.raises(DataError, match=text):
            data[index]
    data.close()


def test_files_and_names_that_are_wrong(file, tmp_path):
    """No file, another file, an unknown name, text in place of an array, unequal lengths, one name alone."""
    (tmp_path / "text.h5").write_text("no HDF5")
    for name, text in (("gone.h5", "received no file"), ("text.h5", "cannot be read")):
        with pytest.raises(DataError, match=rf"{name}: .*{text}"):
            HDF5Dataset(tmp_path / name, "x", "y")
    for x, y, text in (
        ("X", "y", "received 'X'"), ("word", "y", "an array"), ("x", "short", "received 12 and 5"), ("x", None, "both x and y"),
    ):  # fmt: skip
        with pytest.raises(ArgumentError, match=text):
            HDF5Dataset(file, x, y)
    assert issubclass(ArgumentError, AssertionError)
