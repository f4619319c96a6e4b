"""What `from_photon` refuses, and how: files that are none, that are damaged, and what has no equivalent. Real Photon saved all of them."""

import numpy as np
import pytest
from photon_numbers import cases, file

from pyphoton import MSE, SGD, ArgumentError, FileError, LossSum, Unsupported, from_photon, identity

WHOLE = file("adam").read_bytes()
REFUSED = {
    "own_activation": r"workout.model.layers\[1\].activation: .*without a name.*In Julia, put a function",
    "own_init": r"workout.model.layers\[1\].init: .*without a name",
    "own_layer": r"workout.model.layers: .*received Main.OwnLayer",
    "own_loss": r"workout.loss: .*Main.own_loss.*loss= takes",
    "unnamed_loss": r"workout.loss: .*without a name",
    "own_metric": r"workout.metrics good: .*Main.own_metric.*metrics=\{'good': ...\}",
    "softmax_loss": r"workout.loss: .*whole minibatch.*loss=CrossEntropyLoss\(use_softmax=True\)",
    "unbuilt": r"workout.model.layers\[1\] Dense: .*met no data.*call the model on a minibatch",
    "unbuilt_norm": r"workout.model.layers\[1\] BatchNorm: .*met no data",
    "adaptive_two": r"workout.model.layers\[1\] AdaptiveAvgPool: .*\(2, 2\).*AvgPool2D\(n - size \+ 1; strides=1\)",
    "flatten_dims": r"workout.model.layers\[1\] Flatten: .*dims=2",
    "two_optimisers": r"workout.opt: .*SGD\(lr=0.1, gclip=0\.?0?\) and SGD\(lr=0.2.*opt= takes",
    "late": r"workout.opt: .*1 and none.*opt= takes",
    "trained_gru": r"workout.model.layers\[1\] GRU: .*per_sample=True",
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_translated_is_named(name):
    """The error says where in the workout it is, what it is, and what to do."""
    with pytest.raises(Unsupported, match=rf"(?s)from_photon: {REFUSED[name]}"):
        from_photon(file(name))


def test_a_trained_bias_behind_the_reset_gate_is_refused():
    """PyPhoton's GRU has one bias for each gate; that of Knet has another one inside."""
    with pytest.raises(Unsupported, match="a bias of 0 behind the reset gate"):
        from_photon(file("trained_gru"), per_sample=True)


@pytest.mark.parametrize("name", ["two_optimisers", "late"])
def test_another_optimiser_is_the_way_out(name):
    """With opt= such files are read, and can be trained."""
    workout = from_photon(file(name), opt=SGD(0.1))
    x, y = np.ones((2, 3), "float32"), np.zeros((2, 2), "float32")
    first = workout.step_(x, y)
    assert workout.step_(x, y) < first


def test_what_is_not_needed_is_not_read():
    """The function that moves data in Julia may be anybody's; a loss that Photon cannot compute, and a Residual that it cannot call, are read."""
    assert from_photon(file("own_mover")).steps == 0
    assert from_photon(file("sigmoid_loss")).loss.use_sigmoid
    residual = from_photon(file("residual")).model
    x = np.ones((2, 3), "float32")
    assert residual(x).shape == (2, 5)
    np.testing.assert_array_equal(residual(x)[:, :3], x)


def test_arrays_of_a_gpu_are_read():
    """Knet writes them as arrays in memory, with the type KnetArray before them."""
    workout = from_photon(file("on_gpu"))
    assert workout.model.parameters["0.kernel"].shape == (3, 2)
    assert np.abs(workout.model.parameters["0.kernel"].value).max() > 0.01
    lstm = from_photon(file("lstm_on_gpu"), per_sample=True)
    assert lstm.predict(np.ones((5, 4, 3), "float32")).shape == (5, 2)


def test_arguments_are_checked():
    """per_sample is yes or no; an unknown argument is named with the nearest; other losses than PyPhoton's own are fine."""
    with pytest.raises(ArgumentError, match="per_sample=: expected True or False"):
        from_photon(file("adam"), per_sample="yes")
    with pytest.raises(ArgumentError, match="per_sample"):
        from_photon(file("adam"), per_samples=True)
    assert isinstance(from_photon(file("adam"), loss=MSE() + 0.5 * MSE()).loss, LossSum)
    assert identity(1) == 1


# ---- files that are none ------------------------------------------------------------------------------------------------------------


def test_a_path_that_leads_nowhere(tmp_path):
    """No file, and a folder."""
    with pytest.raises(FileError, match=r"nowhere.dat: expected a workout that Photon.jl saved, received no such file"):
        from_photon(tmp_path / "nowhere.dat")
    with pytest.raises(FileError, match="directory"):
        from_photon(tmp_path)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "ends too early"), (b"7J", "ends too early"), (b"\x89HDF\r\n\x1a\n" + WHOLE, "a file of something else"),
        (WHOLE[:3] + bytes([25]) + WHOLE[4:], "protocol 24 at most .*received protocol 25.*Julia 1.10"),
        (WHOLE[:4] + bytes([5]) + WHOLE[5:], "big-endian"), (WHOLE[:8] + bytes([0xE0]), "another value"),
        (WHOLE[:8] + WHOLE[8:].replace(b"Workout", b"Workers", 1), "received Photon.Workers"),
        (WHOLE.replace(b"Photon", b"Phaser"), "received Phaser.Workout"),
        (WHOLE[:8] + bytes([53, 16, 1, 4]) + b"Dict" + WHOLE[20:], "(?s)."),
    ],
    ids=["empty", "two bytes", "hdf5", "newer", "big-endian", "a number", "another type", "another package", "a dictionary"],
)  # fmt: skip
def test_other_files(data, text, tmp_path):
    """What is no workout of Photon's is said to be none; a newer protocol says how to go on."""
    path = tmp_path / "other.dat"
    path.write_bytes(data)
    with pytest.raises((FileError, Unsupported), match=text):
        from_photon(path)


@pytest.mark.parametrize("name", ["adam", "batch_norm", "lstm", "binary"])
def test_truncated_files(name, tmp_path):
    """Cut anywhere before what is read last, a file is a FileError that says where it ended."""
    whole = file(name).read_bytes()
    path = tmp_path / "cut.dat"
    for length in range(0, len(whole) - 80, 7):
        path.write_bytes(whole[:length])
        with pytest.raises(FileError, match=r"cut\.dat"):
            from_photon(path, per_sample=True)


@pytest.mark.parametrize("name", ["adam", "conv", "shared", "lstm", "binary"])
def test_damaged_files(name, tmp_path):
    """With bytes changed a file is refused by an error of the library, or it is read: nothing else is raised, and nothing hangs."""
    whole = bytearray(file(name).read_bytes())
    random = np.random.default_rng(len(name))
    path = tmp_path / "damaged.dat"
    refused = 0
    for _ in range(300):
        data = bytearray(whole)
        for place in random.integers(8, len(data), random.integers(1, 4)):
            data[place] = random.integers(256)
        path.write_bytes(data)
        try:
            from_photon(path, per_sample=True)
        except (FileError, Unsupported):
            refused += 1
    assert 20 < refused < 300


def test_depth_has_an_end(tmp_path):
    """Tuples in tuples without end are a FileError, and no crash."""
    head = WHOLE[: WHOLE.index(b"Sequential") - 4]
    path = tmp_path / "deep.dat"
    path.write_bytes(head + bytes([20, 1]) * 5000)
    with pytest.raises(FileError, match="deep"):
        from_photon(path)


def test_numbers_of_the_files_are_of_one_making():
    """The refused files were made with the others: nothing here is of another version."""
    versions = {file(name).read_bytes()[3] for name in (*REFUSED, *cases())}
    assert versions == {24}
