"""KorA, batchfirst and batchlast; the context, and whether there is a GPU."""

import numpy as np
import pytest
import torch

from pyphoton import (
    Dense,
    KorA,
    PhotonError,
    batchfirst,
    batchlast,
    get_context,
    hasgpu,
    predict,
    reset_context,
    set_context,
)


def test_floats_become_the_contexts():
    """KorA casts floats to the context's number type, whole numbers and truth values stay, shapes too."""
    x = np.linspace(0, 1, 6).reshape(2, 3)
    assert (KorA(x).dtype, KorA(x).shape) == ("float32", (2, 3))
    np.testing.assert_allclose(KorA(x), x, rtol=1e-6)
    assert KorA(np.arange(3)).dtype == "int64"
    assert KorA(np.array([True])).dtype == "bool"
    assert KorA([[1.5, 2], [3, 4]]).tolist() == [[1.5, 2], [3, 4]]
    assert KorA(torch.ones(2, dtype=torch.float64)).dtype == "float32"
    set_context(dtype="float64")
    assert KorA(x.astype("float32")).dtype == "float64"
    with pytest.raises(PhotonError, match="KorA"):
        KorA(["a", "b"])


def test_what_fits_is_not_copied():
    """An array of the context's type comes back as it is."""
    x = np.ones((2, 3), "float32")
    assert KorA(x) is x
    assert KorA((x, 1.0 * np.arange(2)))[0] is x


def test_tuples_are_followed():
    """((X1, X2), Y): member by member, and a list of arrays is a tuple."""
    (x1, x2), y = KorA(((np.ones(2), np.ones(3, "float16")), [np.ones(1), np.arange(2)]))
    assert [a.dtype for a in (x1, x2, *y)] == ["float32", "float32", "float32", "int64"]
    assert isinstance(y, tuple)


def test_samples_first_and_last():
    """(..., N) to (N, ...) and back, without a copy; a model then sees N samples."""
    x = np.arange(24.0).reshape(2, 3, 4)
    first = batchfirst(x)
    assert first.shape == (4, 2, 3)
    np.testing.assert_array_equal(first[1], x[:, :, 1])
    assert np.shares_memory(first, x)
    np.testing.assert_array_equal(batchlast(first), x)
    np.testing.assert_array_equal(batchlast(x)[:, :, 0], x[0])
    assert predict(Dense(5), batchfirst(x)).shape == (4, 5)


def test_context():
    """`setContext(device=:cpu, dtype=Float64)`: what is built then computes in float64; resetContext() is float32 again."""
    assert set_context(device="cpu", dtype="float64") is get_context()
    x = np.ones((1, 10))
    double = Dense(3)
    assert double(x).dtype == double(x.astype("float32")).dtype == "float64"
    reset_context()
    assert (get_context().dtype, get_context().device) == ("float32", "cpu")
    assert Dense(3)(x).dtype == "float32"
    with pytest.raises(PhotonError, match="float32"):
        set_context(dtype="float16")


def test_has_gpu():
    """NumPy has none; torch has one where torch sees CUDA."""
    set_context(backend="numpy")
    assert hasgpu() is False
    set_context(backend="torch")
    assert hasgpu() is torch.cuda.is_available()
