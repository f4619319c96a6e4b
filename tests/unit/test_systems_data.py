"""Data modules, setup and checkpoints: stages in order, twice is once, three epochs and three more are six."""

from copy import deepcopy

import numpy as np
import pytest

from pyphoton import (
    MSE,
    SGD,
    Adam,
    ArgumentError,
    BatchNorm,
    CosineDecay,
    DataError,
    Dense,
    Dropout,
    FileError,
    PhotonError,
    Sequential,
    VectorDataset,
    relu,
)
from pyphoton.systems import Cosine, DataModule, GANSystem, MLSystem, loss, setup

RANDOM = np.random.default_rng(17)
X = RANDOM.normal(size=(30, 4)).astype("float32")
Y = RANDOM.normal(size=(30, 2)).astype("float32")


class Net(MLSystem):
    """A small network, with everything that has a state."""

    def __init__(self, opts=lambda: ([Adam(0.05)], [CosineDecay(6)])):
        self.net = Sequential(Dense(8, relu), BatchNorm(), Dropout(0.3), Dense(2))
        self.opts = opts

    def loss(self, batch):
        """Squares."""
        x, y = batch
        return MSE()(self.net(x), y)

    def configure_optimizer(self):
        """What was given."""
        return self.opts()


class Module(DataModule):
    """A data module that tells what is called."""

    def __init__(self, **data):
        self.said, self.data = [], data

    def prepare_data(self):
        """Once."""
        self.said.append("prepare")

    def setup(self, stage):
        """Before a stage."""
        self.said.append(f"setup {stage}")

    def teardown(self, stage):
        """After it."""
        self.said.append(f"teardown {stage}")

    def train_dataloader(self):
        """Everything."""
        return self.data.get("train", (X, Y))

    def val_dataloader(self):
        """The first ten."""
        return self.data.get("val", (X[:10], Y[:10]))

    def test_dataloader(self):
        """The last ten."""
        return (X[20:], Y[20:])

    def predict_dataloader(self):
        """Inputs only."""
        return X[:7]


def values(system):
    """Copies of all parameters by path."""
    return {path: p.value.copy() for path, p in system.parameters.items()}


def assert_equal(a, b):
    """Bit-equal numbers under equal names."""
    assert list(a) == list(b)
    for path in a:
        np.testing.assert_array_equal(a[path], b[path], err_msg=path)


def test_stages_come_in_order():
    """setup(system, data) prepares and sets up "fit"; each stage is torn down after it; a second fit sets up again."""
    module, system = Module(), Net()
    trainer = setup(system, module)
    assert module.said == ["prepare", "setup fit"]
    trainer.fit(1)
    assert module.said[2:] == ["teardown fit"]
    found = trainer.validate()
    np.testing.assert_allclose(found["val_loss"], loss(system, (X[:10], Y[:10])), rtol=1e-5)
    np.testing.assert_allclose(trainer.test()["test_loss"], loss(system, (X[20:], Y[20:])), rtol=1e-5)
    np.testing.assert_allclose(trainer.predict(), system.net(X[:7]), rtol=1e-5, atol=1e-6)
    trainer.fit(1)
    assert module.said[3:] == [f"{word} {stage}" for stage in ("validate", "test", "predict", "fit") for word in ("setup", "teardown")]


def test_setup_twice_changes_nothing():
    """The same trainer; weights bit-equal, counters and history as they were, no second data.setup, no other seed."""
    for data in (Module(), (X, Y), ((X, Y), (X[:10], Y[:10])), [(X, Y)], VectorDataset(X, Y)):
        system = Net()
        trainer = setup(system, data)
        trainer.fit(1)
        before, rows = values(system), [dict(row) for row in trainer.history.epochs]
        said = list(getattr(data, "said", []))
        again = setup(system, data if not isinstance(data, tuple) else tuple(data))
        assert again is trainer
        assert_equal(before, values(system))
        assert (trainer.steps, trainer.epochs, trainer.history.epochs) == (1, 1, rows)
        assert getattr(data, "said", []) == said
        trainer.fit(1)
        assert trainer.epochs == 2


def test_other_data_make_another_trainer():
    """Weights go on, counters and the optimiser's state begin anew."""
    system = Net()
    first = setup(system, (X, Y)).fit(1)
    before = values(system)
    second = setup(system, (X[:20], Y[:20]))
    assert second is not first
    assert system.trainer is second
    assert second.steps == 0
    assert_equal(before, values(system))


def test_setup_builds_parameters_from_one_batch():
    """Before any fit they are there, drawn from the seed and the path, whatever form the data have; nothing was trained."""
    systems = []
    for data in ((X, Y), [(X[:3], Y[:3]), (X[3:], Y[3:])], lambda: (X, Y), Module(), ((X[i : i + 5], Y[i : i + 5]) for i in (0, 5)), VectorDataset(X, Y)):
        system = Net()
        assert list(system.parameters) == []
        setup(system, data, seed=9)
        systems.append(values(system))
    assert [path for path in systems[0] if "net" not in path] == []
    for found in systems[1:]:
        assert_equal(systems[0], found)


def test_a_generator_is_not_used_up_by_setup():
    """Its first minibatch builds parameters and is trained with, too, in every epoch."""
    trainer = setup(Net(), ((X[i : i + 10], Y[i : i + 10]) for i in (0, 10, 20)))
    assert trainer.fit(2).steps == 6


def test_max_epochs_bounds_fit_without_a_number():
    """fit() goes on up to max_epochs in all; without either it is one epoch."""
    trainer = setup(Net(), (X, Y), max_epochs=3).fit(2).fit()
    assert trainer.epochs == 3
    assert trainer.fit().epochs == 3
    assert setup(Net(), (X, Y)).fit().epochs == 1


@pytest.mark.parametrize(("call", "text"), [
    (lambda: setup(Net, (X, Y)), r"Write Net\(...\)"), (lambda: setup(Dense(2), (X, Y)), "an MLSystem"), (lambda: setup(Net(), None), "None"), (lambda: setup(Net(), "x"), "arrays, minibatches"),
    (lambda: setup(Net(), Module), r"Module\(\)"), (lambda: setup(Net(), Module(), (X, Y)), "from the data module"), (lambda: setup(Net(), (X, Y), epochs=3), "max_epochs"),
    (lambda: setup(Net(), DataModule()), "train_dataloader"), (lambda: setup(Net(), (X, Y), max_epochs=-1), "from 0"), (lambda: setup(Net(), Module(train=[])), "at least one minibatch"),
    (lambda: setup(Net(), (X, Y)).test(), "data for test"), (lambda: setup(Net(), (X, Y)).predict(), "data for predict"), (lambda: setup(Net(), (X, Y)).fit(-1), "from 0"),
    (lambda: setup(Net(), (X, Y)).fit(1, batch_size=0), "above 0"), (lambda: setup(Net(), (X, Y[:3])), "as many samples"), (lambda: setup(Net(), (X, Y)).fit(1, epoch=3), "epochs"),
    (lambda: setup(Net(), (X, Y)).validate([]), "at least one minibatch"), (lambda: setup(Net(), (X, Y)).fit(1, on_nan="x"), "on_nan"), (lambda: setup(Net(), (X, Y)).fit(1, shuffle=None), "shuffle"),
])  # fmt: skip
def test_what_setup_and_the_stages_refuse(call, text):
    """Each error says what was expected."""
    with pytest.raises(PhotonError, match=text):
        call()


def test_a_setup_that_fails_leaves_no_trainer():
    """After the mistake is mended, setup works."""
    system = Net()
    with pytest.raises(PhotonError):
        setup(system, (X, None))
    with pytest.raises(PhotonError, match="setup"):
        system.trainer  # noqa: B018
    assert setup(system, (X, Y)).fit(1).epochs == 1


def test_minibatches_of_several_kinds_in_one_epoch():
    """A dictionary among pairs: its step logs more and uses another layer, which is made then; a copy has no trainer; an error undoes all of it."""

    class Kinds(Net):
        broken = False

        def __init__(self):
            super().__init__()
            self.more = Dense(2)

        def training_step(self, batch):
            if isinstance(batch, dict):
                value = MSE()(self.more(batch["x"]), batch["y"])
                self.log("more", value)
                return value + self.loss((batch["x"], batch["y"]))
            return self.loss(batch)

        def on_train_batch_end(self, outputs, batch, batch_idx):
            if self.broken and isinstance(batch, dict):
                raise RuntimeError("broken")

    batches = [(X[:8], Y[:8]), {"x": X[8:16], "y": Y[8:16]}, (X[16:], Y[16:])]
    systems = [Kinds(), Kinds()]
    trainers = [setup(system, batches, seed=2) for system in systems]
    systems[1].broken = True
    with pytest.raises(RuntimeError, match="broken"):
        trainers[1].fit(1)
    assert (trainers[1].steps, len(trainers[1].history)) == (0, 0)
    systems[1].broken = False
    for trainer in trainers:
        trainer.fit(2)
        np.testing.assert_array_equal(trainer.history("more")[0], [2, 5])
        np.testing.assert_array_equal(trainer.history("loss")[0], range(1, 7))
    assert_equal(values(systems[0]), values(systems[1]))
    copied = deepcopy(systems[0])
    with pytest.raises(PhotonError, match="setup"):
        copied.trainer  # noqa: B018
    setup(copied, batches).fit(1)
    np.testing.assert_array_equal(systems[0].net(X), systems[1].net(X))


def test_one_fit_at_a_time():
    """A hook that fits again is refused, and the epoch undone."""

    class Again(Net):
        def on_train_epoch_end(self):
            self.trainer.fit(1)

    trainer = setup(Again(), (X, Y))
    with pytest.raises(ArgumentError, match="one fit, validate"):
        trainer.fit(1)
    assert trainer.epochs == 0


# ---- checkpoints ---------------------------------------------------------------------------------------------------------


def opts():
    """Adam with a cosine over steps."""
    opt = Adam(0.05)
    return {"optimizer": opt, "lr_scheduler": {"scheduler": Cosine(opt, T_max=20), "interval": "step"}}


def test_three_epochs_and_three_more_are_six(tmp_path):
    """Saved after three, loaded by another system: weights, history, rates and counters are those of six at once, Dropout included."""
    whole = Net(opts)
    at_once = setup(whole, (X, Y), (X[:10], Y[:10]), seed=3).fit(6, batch_size=8)
    first = setup(Net(opts), (X, Y), (X[:10], Y[:10]), seed=3).fit(3, batch_size=8)
    path = first.save(tmp_path / "three.pp")
    half = Net(opts)
    second = setup(half, (X, Y), (X[:10], Y[:10]), seed=77)
    assert second.load(path) is second
    assert (second.steps, second.epochs, second.network.seed) == (12, 3, 3)
    second.fit(3, batch_size=8)
    for path, value in values(whole).items():
        np.testing.assert_allclose(values(half)[path], value, rtol=1e-6, atol=1e-6, err_msg=path)
    np.testing.assert_allclose(second.history("loss")[1], at_once.history("loss")[1], rtol=1e-6)
    np.testing.assert_allclose(second.history("lr")[1], at_once.history("lr")[1], rtol=1e-12)
    assert [{k: v for k, v in row.items() if k in ("epoch", "steps")} for row in second.history.epochs] == [{"epoch": e, "steps": 4 * e} for e in range(1, 7)]


def test_a_gan_goes_on_from_a_file(tmp_path):
    """Two optimisers with their states, and the engine's noise."""

    def gan():
        return GANSystem(Dense(4), Dense(1), latent=3)

    whole, half = gan(), gan()
    setup(whole, X, seed=1).fit(4, batch_size=8)
    path = setup(gan(), X, seed=1).fit(2, batch_size=8).save(tmp_path / "gan.pp")
    setup(half, X).load(path).fit(2, batch_size=8)
    for path, value in values(whole).items():
        np.testing.assert_allclose(values(half)[path], value, rtol=1e-6, atol=1e-6, err_msg=path)


def test_files_of_other_systems_are_refused(tmp_path):
    """Other parameters, other optimisers, a model's file, a damaged one: FileError, and nothing is changed."""
    path = setup(Net(), (X, Y)).fit(1).save(tmp_path / "net.pp")

    class Wider(Net):
        def __init__(self):
            super().__init__()
            self.net = Dense(2)

    for system, text in ((Wider(), "parameters"), (Net(lambda: SGD(0.1)), "optimisers")):
        trainer = setup(system, (X, Y))
        before = values(system)
        with pytest.raises(FileError, match=text):
            trainer.load(path)
        assert_equal(before, values(system))
        assert trainer.steps == 0
    trainer = setup(Net(), (X, Y))
    with pytest.raises(FileError, match="no such file"):
        trainer.load(tmp_path / "none.pp")
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with pytest.raises(FileError, match="checksum"):
        trainer.load(path)
    from pyphoton import load, load_workout

    for other in (load, load_workout):
        with pytest.raises(FileError):
            other(path)


def test_data_of_other_forms_validate():
    """A loader, a dictionary, a list of minibatches for validation; (train, validation) of the same length is read as two inputs."""
    trainer = setup(Net(), (VectorDataset(X, Y), VectorDataset(X[:10], Y[:10]))).fit(1)
    np.testing.assert_allclose(trainer.history.epochs[0]["val_loss"], loss(trainer.system, (X[:10], Y[:10])), rtol=1e-5)
    np.testing.assert_allclose(trainer.validate([(X[:4], Y[:4]), (X[4:10], Y[4:10])])["val_loss"], trainer.history.epochs[0]["val_loss"], rtol=1e-5)
    with pytest.raises(DataError, match=r"batch\[0\]"):
        trainer.validate([(None, Y)])
