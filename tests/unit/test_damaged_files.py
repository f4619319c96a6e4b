"""Files are written whole or not at all, and what is no whole file is refused: killed savers, full disks, rot and hostile files."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pyphoton as pp
from pyphoton import SGD, Dense, FileError, Sequential, Workout, load_workout, save_workout
from pyphoton.description import to_config
from pyphoton.saving import container

ROOT = Path(pp.__file__).parents[1]
X = np.random.default_rng(8).normal(size=(12, 4)).astype("float32")


def workout(steps=1):
    """A small one, with a step or more done."""
    made = Workout(Sequential(Dense(3), Dense(2)), "mse", SGD(0.1), seed=3)
    for _ in range(steps):
        made.step_(X, X[:, :2])
    return made


def run(*arguments, cwd=ROOT, **options):
    """A Python process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=280, check=False, **options)


def test_killed_savers_lose_nothing():
    """Ten of the two hundred kills of `python -m benchmarks.kills`: the newest file loads, and holds one step throughout."""
    done = run("-m", "benchmarks.kills", "--kills", "10", "--width", "200")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 kills" in done.stdout
    assert " 0 failures" in done.stdout


def test_mutated_files_load_right_or_are_refused():
    """300 of the ten thousand files of `python -m benchmarks.mutations`."""
    done = run("-m", "benchmarks.mutations", "--files", "300", "--seed", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    last = next(line for line in done.stdout.splitlines() if line.startswith("300 files"))
    assert " 0 failures" in last
    assert int(last.split(" loaded right")[0].split()[-1]) > 10


FULL = """
import resource, signal, sys
import pyphoton as pp
workout = pp.load_workout("w.pp")
workout.step_(*[__import__("numpy").ones((4, n), "float32") for n in (4, 2)])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
for save in (pp.save_workout, pp.save):
    try:
        save(workout, "w.pp")
    except pp.FileError as error:
        assert "w.pp" in str(error) and "former" in str(error), error
    else:
        raise SystemExit("it was written")
"""


def test_a_full_disk_keeps_the_former_file(tmp_path):
    """No room for the whole file (here a limit on a file's size): a FileError, the former file as it was, and nothing beside it."""
    before = save_workout(workout(), tmp_path / "w.pp").read_bytes()
    done = run("-c", FULL, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "w.pp").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["w.pp"]
    assert load_workout(tmp_path / "w.pp").steps == 1


def test_a_device_without_room_is_an_error_and_stays_a_device():
    """/dev/full is no place for a checkpoint, and is not replaced by one."""
    device = Path("/dev/full")
    if not device.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(FileError, match="/dev/full"):
        save_workout(workout(), device)
    assert device.is_char_device()


def test_left_over_files_are_removed_and_running_ones_are_not(tmp_path):
    """What a killed process left goes at the next save of that name; what another one is writing, and other names, stay."""
    fcntl = pytest.importorskip("fcntl", reason="locks on files are tested where there is fcntl")
    for name in (".w.pp.00000000.part", ".w.pp.running.part", ".other.pp.00000000.part", ".w.pp.note"):
        (tmp_path / name).write_bytes(b"half")
    with (tmp_path / ".w.pp.running.part").open("rb") as running:
        fcntl.flock(running, fcntl.LOCK_EX)
        save_workout(workout(), tmp_path / "w.pp")
        assert {p.name for p in tmp_path.iterdir()} == {"w.pp", ".w.pp.running.part", ".other.pp.00000000.part", ".w.pp.note"}
    save_workout(workout(), tmp_path / "w.pp")
    assert {p.name for p in tmp_path.iterdir()} == {"w.pp", ".other.pp.00000000.part", ".w.pp.note"}


def test_links_and_permissions_stay(tmp_path):
    """A link goes on pointing to its file, which is replaced and keeps its permissions."""
    path = save_workout(workout(), tmp_path / "w.pp")
    path.chmod(0o600)
    (tmp_path / "newest").symlink_to("w.pp")
    assert save_workout(workout(2), tmp_path / "newest") == tmp_path / "newest"
    assert (tmp_path / "newest").is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_workout(path).steps == 2


def changed(path, change):
    """The file with its description changed, and a checksum that is right."""
    with container.opened(path, "workout") as file:
        about, arrays = file.about, file.read()
    about.pop("format")
    change(about)
    kind = about.pop("kind", "workout")
    return container.write(path, kind, about, arrays)


def bomb(about):
    """Forty layers, each holding the one before twice: 2^40 calls."""
    layers = [{"class": "Sequential", "args": {"layers": []}, "id": 0}]
    layers += [{"class": "Sequential", "args": {"layers": [{"same": i}] * 2}, "id": i + 1} for i in range(40)]
    about["model"]["args"]["layers"] = layers


def deep(about):
    """Two hundred layers inside one another."""
    for _ in range(200):
        about["model"] = {"class": "Sequential", "args": {"layers": [about["model"]]}}


def first(**arguments):
    """Other arguments of the first layer."""
    return lambda about: about["model"]["args"]["layers"][0]["args"].update(arguments)


HOSTILE = {
    "a layer of a terabyte": (first(units=10**12), "0.kernel"),
    "units a text": (first(units="3"), "units"),
    "a truth value that is a number": (first(flatten=2), "flatten"),
    "a name that is a list": (first(name=["x"]), "name"),
    "a layer in the place of the loss": (lambda a: a.update(loss={"class": "Dense", "args": {"units": 3}}), "loss"),
    "a loss in the place of the optimiser": (lambda a: a.update(optimiser={"class": "MSE", "args": {}}), "opt"),
    "a learning rate that is a text": (lambda a: a["optimiser"]["args"].update(lr="fast"), "lr"),
    "billions of layers": (lambda a: a["model"]["args"]["layers"].append({"class": "LSTM", "args": {"hidden": 3, "num_layers": 10**10}}), "layers"),
    "layers that double forty times": (bomb, "layers"),
    "layers too deep": (deep, "at most"),
    "a layer inside itself": (lambda a: a.update(model={"class": "Sequential", "args": {"layers": [{"same": 0}]}, "id": 0}), "reference"),
    "an input of a terabyte": (lambda a: a["met"].update(shapes=[[10**12]]), "FileError"),
    "a negative input": (lambda a: a["met"].update(shapes=[[-4]]), "shapes"),
    "minus one steps": (lambda a: a.update(steps=-1), "steps"),
    "steps true": (lambda a: a.update(steps=True), "steps"),
    "a seed of 400 digits": (lambda a: a.update(seed=10**400), "seed"),
    "frozen parameters that are not there": (lambda a: a.update(frozen=["9.kernel"]), "frozen"),
    "two metrics of one name": (lambda a: a.update(metrics=[["a", None], ["a", None]]), "metrics"),
    "a negative learning rate": (lambda a: a.update(optimiser={"class": "Adam", "args": {"lr": -1}}), "lr"),
    "no steps": (lambda a: a.pop("steps"), "steps"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_descriptions_are_refused_before_anything_is_built(what, tmp_path):
    """A checksum that is right does not help: the FileError names the file, and this process gets no larger."""
    path = save_workout(workout(), tmp_path / "w.pp")
    load_workout(path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    change, word = HOSTILE[what]
    with pytest.raises(FileError) as caught:
        load_workout(changed(path, change))
    assert str(path) in str(caught.value)
    assert word in f"FileError {caught.value}"
    assert len(str(caught.value)) < 2000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_what_could_not_be_loaded_is_not_saved(tmp_path):
    """The limits of loading hold for saving: a model nested too deeply, or called too often, is refused while there is still something to do."""
    nested, often = Dense(2), Dense(2)
    for _ in range(60):
        nested = Sequential(nested)
    for _ in range(14):
        often = Sequential(often, often)
    for model in (nested, Sequential(*[Dense(2)] * 10_001), often):
        with pytest.raises(pp.ArgumentError, match="at most"):
            to_config(model)
    to_config(Sequential(*[Dense(2)] * 5_000))
    with pytest.raises(pp.ArgumentError, match=r"save_workout.*at most"):
        made = Workout(nested, "mse")
        made.step_(X, X[:, :2])
        save_workout(made, tmp_path / "w")


def test_slots_have_to_be_those_of_the_optimiser(tmp_path):
    """The state of Momentum does not do for Adam, nor slots of another shape."""
    made = Workout(Dense(2), "mse", "momentum")
    made.step_(X, X[:, :2])
    path = save_workout(made, tmp_path / "w.pp")
    with pytest.raises(FileError, match="velocity"):
        load_workout(changed(path, lambda a: a.update(optimiser={"class": "Adam", "args": {}})))


def test_newer_formats_and_other_kinds_are_told_apart(tmp_path):
    """A file of a newer format says so; a model's file names load, a workout's load_workout."""
    made = workout()
    path = save_workout(made, tmp_path / "w.pp")
    with pytest.raises(FileError, match="load_workout reads it"):
        pp.load(path)
    with pytest.raises(FileError, match="load reads it"):
        load_workout(pp.save(made, tmp_path / "m"))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"pyphoton-workout-1", b"pyphoton-workout-2"))
    with pytest.raises(FileError, match=r"format 2.*newer PyPhoton"):
        load_workout(path)


def test_things_that_are_no_files(tmp_path):
    """A missing file, a folder, and a pipe (which would wait for ever) are refused by name."""
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing", ".", "pipe"):
        for read in (load_workout, pp.load):
            with pytest.raises(FileError) as caught:
                read(tmp_path / name)
            assert str(tmp_path / name) in str(caught.value)


def test_a_single_bit_is_noticed_anywhere(tmp_path):
    """Each bit of some bytes all over the file: never other content, and nearly always a refusal that speaks of damage."""
    path = save_workout(workout(), tmp_path / "w.pp")
    good = path.read_bytes()
    wanted = load_workout(path)
    loaded = 0
    for at in range(3, len(good), len(good) // 60):
        path.write_bytes(good[:at] + bytes([good[at] ^ (1 << at % 8)]) + good[at + 1 :])
        try:
            back = load_workout(path)
        except FileError as error:
            assert str(path) in str(error)
            continue
        loaded += 1
        for one, other in zip(back.network.parameters.values(), wanted.network.parameters.values(), strict=True):
            np.testing.assert_array_equal(one.value, other.value)
    assert loaded <= 2


def test_a_sparse_file_of_a_terabyte_is_refused_at_once(tmp_path):
    """A file whose arrays really are that large, and are not those of the model, is not read."""
    path = save_workout(workout(), tmp_path / "w.pp")
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    data = len(content) - 8 - length
    header["history/steps/huge/at"] = {"dtype": "U8", "shape": [2**40], "data_offsets": [data, data + 2**40]}
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + content[8 + length :])
        file.truncate(8 + len(text) + data + 2**40)
    with pytest.raises(FileError, match="columns"):
        load_workout(path)
