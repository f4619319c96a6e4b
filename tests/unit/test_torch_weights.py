"""Weights to and from torch: every layer against torch's own module, both ways; files; and what is refused."""

import os
import re
import subprocess
import sys
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from snapshot import assert_same

import pyphoton as pp
from pyphoton import load_state_dict_, to_state_dict
from pyphoton.parameters import collect

nn = torch.nn


class Last(nn.Module):
    """A recurrent module's outputs at all steps, without its state."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, x):
        return self.module(x)[0]

    def state_dict(self, *args, **kwargs):
        return self.module.state_dict(*args, **kwargs)

    def load_state_dict(self, state):
        return self.module.load_state_dict(state)


def steps(layer, **options):
    return layer(4, **options, last_only=False)


LAYERS = {
    "dense": (lambda: pp.Dense(4), lambda: nn.Linear(5, 4), (5,)),
    "dense-no-bias": (lambda: pp.Dense(4, use_bias=False), lambda: nn.Linear(5, 4, bias=False), (5,)),
    "dense-last-axis": (lambda: pp.Dense(5, flatten=False), lambda: nn.Linear(5, 5), (3, 5)),
    "conv1d": (lambda: pp.Conv1D(4, 3, padding=1), lambda: nn.Conv1d(2, 4, 3, padding=1), (2, 7)),
    "conv2d": (lambda: pp.Conv2D(4, 3, strides=2, groups=2), lambda: nn.Conv2d(2, 4, 3, stride=2, groups=2), (2, 7, 6)),
    "conv3d": (lambda: pp.Conv3D(3, 2, dilation=2), lambda: nn.Conv3d(2, 3, 2, dilation=2), (2, 4, 4, 4)),
    "transpose1d": (lambda: pp.Conv1DTranspose(3, 3), lambda: nn.ConvTranspose1d(2, 3, 3), (2, 5)),
    "transpose2d": (
        lambda: pp.Conv2DTranspose(4, 3, strides=2, padding=1, output_padding=1, groups=2),
        lambda: nn.ConvTranspose2d(2, 4, 3, stride=2, padding=1, output_padding=1, groups=2), (2, 5, 4),
    ),
    "transpose3d": (lambda: pp.Conv3DTranspose(2, 2, use_bias=False), lambda: nn.ConvTranspose3d(2, 2, 2, bias=False), (2, 3, 3, 3)),
    "batch-norm": (pp.BatchNorm, lambda: nn.BatchNorm1d(4), (4,)),
    "batch-norm-2d": (pp.BatchNorm, lambda: nn.BatchNorm2d(3), (3, 4, 4)),
    "batch-norm-plain": (lambda: pp.BatchNorm(scale=False, shift=False), lambda: nn.BatchNorm2d(3, affine=False), (3, 4, 4)),
    "layer-norm": (pp.LayerNorm, lambda: nn.LayerNorm(6), (3, 6)),
    "rnn": (lambda: steps(pp.RNN), lambda: Last(nn.RNN(3, 4, batch_first=True)), (5, 3)),
    "rnn-relu": (lambda: steps(pp.RNN, activation="relu"), lambda: Last(nn.RNN(3, 4, nonlinearity="relu", batch_first=True)), (5, 3)),
    "lstm": (lambda: steps(pp.LSTM), lambda: Last(nn.LSTM(3, 4, batch_first=True)), (5, 3)),
    "lstm-both-ways": (
        lambda: steps(pp.LSTM, num_layers=2, bidirectional=True),
        lambda: Last(nn.LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=True)), (5, 3),
    ),
    "gru-both-ways": (
        lambda: steps(pp.GRU, num_layers=2, bidirectional=True),
        lambda: Last(nn.GRU(3, 4, num_layers=2, bidirectional=True, batch_first=True)), (5, 3),
    ),
}  # fmt: skip


def disturbed(module):
    """The module with all of its state random: no bias is zero and no running variance one, so that none can be mistaken."""
    random = torch.Generator().manual_seed(3)
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=random) + 0.5 if name.endswith("running_var") else torch.randn(value.shape, generator=random) / 2)
    for name, value in module.state_dict().items():
        if isinstance(getattr(module, "module", None), nn.GRU) and name.startswith("bias_hh"):
            value[2 * value.shape[0] // 3 :] = 0
    return module.eval()


def batch(shape, whole=0):
    """Three samples of a shape."""
    random = np.random.default_rng(5)
    return random.integers(0, whole, (3, *shape)) if whole else random.normal(size=(3, *shape)).astype("float32")


def ran(module, x):
    """What a torch module makes of an array."""
    with torch.no_grad():
        return module(torch.from_numpy(x)).numpy()


def near(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_takes_the_weights_of_torchs_module(name):
    """With the state of torch's module the layer computes what the module computes, and names agree."""
    make, other, shape = LAYERS[name]
    layer, module, x = make(), disturbed(other()), batch(shape)
    loaded = load_state_dict_(layer, module.state_dict(), input_shape=shape)
    assert loaded.matched == "names"
    assert [n for n in module.state_dict() if not n.endswith("num_batches_tracked")] == list(loaded.taken)
    near(layer(x), ran(module, x))


@pytest.mark.parametrize("name", LAYERS)
def test_torchs_module_takes_the_weights_of_a_layer(name):
    """torch loads what comes out, every name and shape (strictly), and computes the same; running statistics go along."""
    make, other, shape = LAYERS[name]
    layer, x = make(), batch(shape)
    layer(x)
    random = np.random.default_rng(8)
    for path, p in collect(layer).items():
        p.set_(random.normal(size=p.shape) / 2 if not path.endswith("variance") else random.uniform(0.5, 2, p.shape))
    module = other().eval()
    module.load_state_dict(to_state_dict(layer))
    near(ran(module, x), layer(x))


def test_embedding_both_ways():
    """A table of vectors stands in torch as it stands here."""
    layer, module, x = pp.Embedding(7, 3), disturbed(nn.Embedding(7, 3)), batch((4,), 7)
    layer(x)
    load_state_dict_(layer, module.state_dict())
    np.testing.assert_array_equal(layer(x), ran(module, x))
    assert torch.equal(to_state_dict(layer)["weight"], module.weight)


def convolutional():
    """The same model here and in torch, where activations and Flatten are counted."""
    model = pp.Sequential(pp.Conv2D(4, 3, pp.relu), pp.BatchNorm(), pp.MaxPool(), pp.Dense(6, pp.tanh), pp.Dropout(0.5), pp.Dense(6))
    module = nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.ReLU(), nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 6), nn.Tanh(), nn.Dropout(0.5), nn.Linear(6, 6)
    )  # fmt: skip
    return model, module


SHAPE = (2, 8, 8)


def test_a_sequential_of_torch_is_taken_in_order():
    """Names of a torch Sequential count its activations, so the order decides; a square kernel is turned, too."""
    model, module = convolutional()
    disturbed(module)
    loaded = load_state_dict_(model, module.state_dict(), input_shape=SHAPE)
    assert loaded.matched == "order"
    assert loaded.taken[-2:] == ("8.weight", "8.bias")
    near(model(batch(SHAPE)), ran(module, batch(SHAPE)))


def test_names_that_are_paths():
    """The names that come out are the layers' paths, with torch's words behind them, in the order of the layers."""
    body = pp.Sequential(pp.Dense(3, name="first"), pp.BatchNorm(), name="body")
    body(np.zeros((1, 4), "float32"))
    words = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert list(to_state_dict(body)) == ["first.weight", "first.bias", *(f"1.{w}" for w in words)]
    outer = pp.Sequential(body, pp.Dense(2))
    outer(np.zeros((1, 4), "float32"))
    assert list(to_state_dict(outer))[-3:] == ["body.1.num_batches_tracked", "1.weight", "1.bias"]
    assert to_state_dict(outer)["body.1.num_batches_tracked"].dtype == torch.int64


def test_what_comes_out_is_a_copy():
    """Training on does not change a state_dict that was taken before, and writing into one changes no model."""
    model = pp.Dense(2)
    x = np.ones((3, 4), "float32")
    before = model(x)
    state = to_state_dict(model)
    state["weight"].zero_()
    np.testing.assert_array_equal(model(x), before)


def test_a_workout_gives_and_takes():
    """A workout's weights go both ways, and training goes on from what was loaded."""
    workout = pp.Workout(pp.Sequential(pp.Dense(3, pp.relu), pp.Dense(1)), "mse", pp.SGD(0.1))
    module = disturbed(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 1)))
    x, y = batch((4,)), batch((1,))
    load_state_dict_(workout, module.state_dict(), input_shape=(4,))
    near(workout.predict(x), ran(module, x))
    workout.step_(x, y)
    optimiser = torch.optim.SGD(module.parameters(), 0.1)
    nn.functional.mse_loss(module(torch.from_numpy(x)), torch.from_numpy(y)).backward()
    optimiser.step()
    for (name, value), other in zip(to_state_dict(workout).items(), module.state_dict().values(), strict=True):
        torch.testing.assert_close(value, other, rtol=1e-5, atol=1e-5, msg=name)


# ---- forms and files ---------------------------------------------------------------------------------------------------


@pytest.fixture
def built():
    """A model that has met data, and torch's with another state."""
    model, module = convolutional()
    model(batch(SHAPE))
    return model, disturbed(module)


@pytest.mark.parametrize("end", ["pt", "pth"])
def test_a_file_of_torch_is_read(built, tmp_path, end):
    """`torch.save(module.state_dict(), path)` is read back, by its path as text, too."""
    model, module = built
    torch.save(module.state_dict(), tmp_path / f"weights.{end}")
    load_state_dict_(model, str(tmp_path / f"weights.{end}"))
    near(model(batch(SHAPE)), ran(module, batch(SHAPE)))


def test_a_safetensors_file_is_read(tmp_path):
    """It keeps no order; where modules are numbered the numbers are the order: 10 comes after 9 and weight before bias."""
    pairs = [(pp.Dense(6, pp.tanh), (nn.Linear(6, 6), nn.Tanh())) for _ in range(7)]
    model = pp.Sequential(*(ours for ours, _ in pairs), pp.BatchNorm())
    module = disturbed(nn.Sequential(*(m for _, theirs in pairs for m in theirs), nn.BatchNorm1d(6)))
    save_file(module.state_dict(), tmp_path / "weights.safetensors")
    loaded = load_state_dict_(model, tmp_path / "weights.safetensors", input_shape=(6,))
    assert loaded.matched == "order"
    assert loaded.taken[-5:] == ("12.bias", "14.weight", "14.bias", "14.running_mean", "14.running_var")
    near(model(batch((6,))), ran(module, batch((6,))))


def test_a_safetensors_file_with_other_names_is_refused(tmp_path):
    """Modules with names of their own stand in no order in such a file: nothing is guessed."""
    module = nn.Sequential(OrderedDict(second=nn.Linear(3, 3), first=nn.Linear(3, 3)))
    save_file(module.state_dict(), tmp_path / "weights.safetensors")
    model = pp.Sequential(pp.Dense(3), pp.Dense(3))
    with pytest.raises(pp.FileError, match="The file keeps no order"):
        load_state_dict_(model, tmp_path / "weights.safetensors", input_shape=(3,))
    assert load_state_dict_(model, module.state_dict()).taken[0] == "second.weight"


def test_half_precision_is_read(tmp_path):
    """bfloat16 and float16 tensors, in a mapping and in a file, are the same numbers in float32."""
    for kind in (torch.bfloat16, torch.float16):
        module = disturbed(nn.Linear(4, 3)).to(kind)
        save_file(module.state_dict(), tmp_path / "half.safetensors")
        for state in (module.state_dict(), tmp_path / "half.safetensors"):
            model = pp.Dense(3)
            load_state_dict_(model, state, input_shape=(4,))
            np.testing.assert_array_equal(model.parameters.kernel.value, module.weight.float().detach().numpy().T)


def test_arrays_are_taken_as_tensors_are():
    """NumPy arrays in a mapping are enough; a model of float64 keeps its dtype."""
    pp.set_context(dtype="float64")
    model = pp.Dense(2)
    load_state_dict_(model, {"weight": np.arange(6).reshape(2, 3), "bias": np.array([0.5, -1])}, input_shape=(3,))
    np.testing.assert_array_equal(model(np.eye(3)), [[0.5, 2], [1.5, 3], [2.5, 4]])
    assert to_state_dict(model)["weight"].dtype == torch.float64


class Attack:
    """An object that writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (type(self.path).touch, (self.path,))


def test_without_torch_arrays_and_safetensors_are_read(tmp_path):
    """Where torch is not installed, NumPy arrays and safetensors files do; what needs torch says how to get it."""
    save_file(nn.Linear(3, 2).state_dict(), tmp_path / "weights.safetensors")
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import numpy as np, pyphoton as pp\n"
        "model = pp.Sequential(pp.Dense(2, name='only'))\n"
        "pp.load_state_dict_(model, {'weight': np.ones((2, 3)), 'bias': np.ones(2)}, input_shape=(3,))\n"
        "print(model(np.ones((1, 3))).tolist(), pp.load_state_dict_(pp.Dense(2), sys.argv[1], input_shape=(3,)).matched)\n"
        "for run in (lambda: pp.to_state_dict(model), lambda: pp.load_state_dict_(model, sys.argv[2])):\n"
        "    try: run()\n"
        "    except pp.BackendMissing as error: print(error)\n"
    )
    (tmp_path / "weights.pt").write_bytes(b"")
    environment = {**os.environ, "PYPHOTON_BACKEND": "numpy"}
    files = [str(tmp_path / "weights.safetensors"), str(tmp_path / "weights.pt")]
    run = subprocess.run([sys.executable, "-c", code, *files], env=environment, capture_output=True, text=True, timeout=120)
    lines = run.stdout.splitlines()
    assert lines[0] == "[[4.0, 4.0]] names", run.stderr
    assert [line.split(":")[0] for line in lines[1:]] == ["to_state_dict", files[1]]
    assert all("pip install 'pyphoton[torch]'" in line for line in lines[1:])


def test_nothing_in_a_file_is_executed(built, tmp_path):
    """A .pt file with code in it is refused, and the code does not run; nor is a whole module opened."""
    model, module = built
    before = snapshot(model)
    torch.save({"0.weight": Attack(tmp_path / "ran")}, tmp_path / "attack.pt")
    torch.save(module, tmp_path / "module.pt")
    for name in ("attack.pt", "module.pt"):
        with pytest.raises(pp.FileError, match=re.escape(f"{name}: expected a state_dict written by torch.save")):
            load_state_dict_(model, tmp_path / name)
    assert not (tmp_path / "ran").exists()
    assert_same(snapshot(model), before)


# ---- what is refused ---------------------------------------------------------------------------------------------------


def snapshot(model):
    return {path: p.value.copy() for path, p in collect(model).items()}


def renamed(state, **names):
    return {names.get(k.replace(".", "_"), k): v for k, v in state.items()}


REFUSED = {
    "a missing array": (lambda s: {k: v for k, v in s.items() if k != "8.bias"}, pp.FileError, "5.bias: expected an array of shape (6,), received the end"),
    "one too many": (lambda s: {**s, "9.weight": torch.ones(3)}, pp.FileError, "expected 10 arrays, received 11, 9.weight after the last that fits"),
    "another shape": (lambda s: {**s, "5.weight": torch.ones(6, 35)}, pp.ShapeError, "3.weight: expected an array of shape (6, 36), received (6, 35) in 5.weight"),
    "a kernel that is not turned": (lambda s: {**s, "5.weight": s["5.weight"].T}, pp.ShapeError, "(36, 6)"),
    "bias before weight": (lambda s: {**{k: v for k, v in s.items() if k != "2.weight"}, "2.weight": s["2.weight"]}, pp.FileError, "1.weight: expected a weight of the same layer, received 2.bias"),
    "a layer of two modules": (lambda s: renamed(s, **{"2_running_var": "x.running_var"}), pp.FileError, "1.running_var"),
    "complex numbers": (lambda s: {**s, "5.bias": torch.ones(6, dtype=torch.complex64)}, pp.FileError, "5.bias: expected a tensor of numbers"),
    "a nested state": (lambda s: {"epoch": 3, "state_dict": s}, pp.FileError, "state['state_dict']"),
    "text": (lambda s: {**s, "5.bias": "relu"}, pp.FileError, "5.bias"),
    "a sparse tensor": (lambda s: {**s, "5.bias": torch.ones(6).to_sparse()}, pp.FileError, "5.bias: expected a dense tensor"),
    "a tensor without numbers": (lambda s: {**s, "5.bias": torch.ones(6, device="meta")}, pp.FileError, "5.bias"),
    "names that are no text": (lambda s: {0: torch.ones(1)}, pp.FileError, "names as strings"),
    "a list": (lambda s: list(s.values()), pp.FileError, "list"),
    "nothing": (lambda s: {}, pp.FileError, "0.weight"),
    "no such file": (lambda s: "nowhere.pt", pp.FileError, "no such file"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_named_and_changes_nothing(built, case):
    """The first array that does not fit is named, and all parameters are as before."""
    model, module = built
    change, error, text = REFUSED[case]
    before = snapshot(model)
    with pytest.raises(error, match=re.escape(text)):
        load_state_dict_(model, change(module.state_dict()))
    assert_same(snapshot(model), before)


@pytest.mark.parametrize("end", ["pt", "safetensors"])
def test_damaged_files_are_refused(built, tmp_path, end):
    """A truncated file, an empty one and one of something else are refused by their path."""
    model, module = built
    path = tmp_path / f"weights.{end}"
    torch.save(module.state_dict(), path) if end == "pt" else save_file(module.state_dict(), path)
    whole = path.read_bytes()
    before = snapshot(model)
    for content in (whole[: len(whole) // 2], b"", b"PK" * 100, b"not weights"):
        path.write_bytes(content)
        with pytest.raises(pp.FileError, match=re.escape(str(path))):
            load_state_dict_(model, path)
    assert_same(snapshot(model), before)
    (tmp_path / "weights.bin").write_bytes(whole)
    with pytest.raises(pp.FileError, match=re.escape("a name that ends in .safetensors, .pt or .pth")):
        load_state_dict_(model, tmp_path / "weights.bin")


@pytest.mark.parametrize("end", ["pt", "safetensors"])
def test_files_changed_at_random_are_read_or_refused(built, tmp_path, end):
    """Bytes that are changed, lost, added or repeated give weights or a PhotonError: no other error, and no warning."""
    model, module = built
    path = tmp_path / f"weights.{end}"
    torch.save(module.state_dict(), path) if end == "pt" else save_file(module.state_dict(), path)
    whole, random, refused = path.read_bytes(), np.random.default_rng(1), 0
    for _ in range(200):
        changed = bytearray(whole)
        for at in random.integers(0, len(whole) if end == "pt" else 900, 3):  # the header of a safetensors file, mostly
            length = int(random.integers(1, 12))
            changed[at : at + length] = random.bytes(int(random.integers(0, 12)))
        path.write_bytes(changed)
        try:
            load_state_dict_(model, path)
        except pp.PhotonError:
            refused += 1
    assert refused > 100


def test_a_model_without_shapes_asks_for_them():
    """A model that met no data has nothing to give and no place to put weights."""
    with pytest.raises(pp.NotBuilt, match="to_state_dict"):
        to_state_dict(pp.Dense(3))
    with pytest.raises(pp.NotBuilt, match="give input_shape="):
        load_state_dict_(pp.Dense(3), {})


def test_the_two_biases_of_a_gate_are_added():
    """torch's LSTM has two biases with one effect; their sum comes back with a zero beside it."""
    module = disturbed(nn.LSTM(3, 2))
    layer = pp.LSTM(2)
    load_state_dict_(layer, module.state_dict(), input_shape=(4, 3))
    back = to_state_dict(layer)
    torch.testing.assert_close(back["bias_ih_l0"], module.bias_ih_l0.detach() + module.bias_hh_l0.detach())
    assert not back["bias_hh_l0"].any()


def test_a_gru_that_cannot_be_said_is_refused_by_name():
    """The hidden bias of torch's last gate is multiplied by the reset gate; one bias per gate cannot do that."""
    layer, module = pp.GRU(2, num_layers=2), disturbed(Last(nn.GRU(3, 2, num_layers=2)))
    state = module.state_dict()
    layer(batch((4, 3)))
    before = snapshot(layer)
    state["bias_hh_l1"][5] = 0.25
    with pytest.raises(pp.Unsupported, match=re.escape("bias_hh_l1: expected zeros in its last third, elements 4 to 5, received numbers up to 0.25")):
        load_state_dict_(layer, state)
    assert_same(snapshot(layer), before)


def test_not_strict_takes_what_both_have():
    """`strict=False` goes by names, says what it left, and still refuses shapes and a state with nothing in common."""
    module = disturbed(nn.Sequential(OrderedDict(a=nn.Linear(3, 4), b=nn.Linear(4, 2))))
    model = pp.Sequential(pp.Dense(4, name="a"), pp.Dense(2, name="c"))
    loaded = load_state_dict_(model, module.state_dict(), input_shape=(3,), strict=False)
    assert (loaded.taken, loaded.kept, loaded.unused) == (("a.weight", "a.bias"), ("c.weight", "c.bias"), ("b.weight", "b.bias"))
    near(model.layers[0](batch((3,))), ran(module.a, batch((3,))))
    with pytest.raises(pp.FileError, match=re.escape("names like a.weight, received x.weight")):
        load_state_dict_(model, {"x.weight": torch.ones(1)}, strict=False)
    with pytest.raises(pp.ShapeError, match=re.escape("a.bias: expected an array of shape (4,)")):
        load_state_dict_(model, {"a.bias": torch.ones(5)}, strict=False)
    named = to_state_dict(model)
    with pytest.raises(pp.FileError, match=re.escape("expected nothing else, received b.bias besides")):
        load_state_dict_(model, {**named, "b.bias": torch.ones(2)})
    with pytest.raises(pp.FileError, match=re.escape("expected c.bias too. strict=False")):
        load_state_dict_(model, {n: v for n, v in named.items() if n != "c.bias"})
    with pytest.raises(pp.FileError, match=re.escape("bias_hh_l0 beside bias_ih_l0")):
        load_state_dict_(pp.LSTM(2), {"bias_ih_l0": torch.ones(8)}, strict=False, input_shape=(4, 3))
    assert load_state_dict_(model, {"a.bias": torch.ones(4)}, strict=False).taken == ("a.bias",)


def test_skip_names_layers_that_there_are():
    """A misspelt layer is refused with the nearest name, and "a" does not mean "ab"."""
    model = pp.Sequential(pp.Dense(4, name="a"), pp.Dense(2, name="ab"))
    state = {"a.weight": torch.ones(9, 9), "a.bias": torch.ones(9), "ab.weight": torch.ones(2, 4), "ab.bias": torch.ones(2)}
    with pytest.raises(pp.ArgumentError, match=re.escape("skip: names of layers, received 'aa'")):
        load_state_dict_(model, state, input_shape=(3,), skip="aa")
    with pytest.raises(pp.ArgumentError, match=re.escape("received 3")):
        load_state_dict_(model, state, skip=3)
    assert load_state_dict_(model, state, input_shape=(3,), skip="a").taken == ("ab.weight", "ab.bias")


def test_shared_layers_and_layers_added_later():
    """A layer that stands twice goes out once; one that was added after the first data goes out, too."""
    tied = pp.Dense(4)
    model = pp.Sequential(tied, tied)
    model(batch((4,)))
    assert list(to_state_dict(model)) == ["0.weight", "0.bias"]
    pp.add_(model, pp.Dense(2))
    assert list(to_state_dict(model)) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_a_layer_that_no_name_leads_to_is_refused():
    """A function that makes a layer at every call holds none: nothing is left out in silence."""

    def model(x):
        return pp.Dense(3)(x)

    model_network = pp.Workout(model, "mse")
    model_network.predict(batch((4,)))
    with pytest.raises(pp.Unsupported, match="Make the layer outside of the function"):
        to_state_dict(model_network)
