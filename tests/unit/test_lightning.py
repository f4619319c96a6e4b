"""Systems under Lightning's own Trainer: the same weights as PyPhoton's trainer gives, its checkpoints, loggers, hooks and data."""

import logging
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("lightning", reason="PyTorch Lightning is not installed")

import torch
from lightning.pytorch import LightningDataModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from torch.utils.data import DataLoader, TensorDataset

from pyphoton import (
    MAE,
    MSE,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    ArgumentError,
    BatchNorm,
    CosineDecay,
    Dense,
    Dropout,
    ExponentialDecay,
    Momentum,
    Nesterov,
    NotBuilt,
    ReduceOnPlateau,
    Rmsprop,
    Sequential,
    StepDecay,
    Unsupported,
    WarmUp,
    freeze_,
    relu,
    tanh,
)
from pyphoton.interop import as_lightning, from_lightning
from pyphoton.interop.lightning_optimisers import torch_optimiser
from pyphoton.systems import DataModule, FGSMSystem, GANSystem, MLSystem, setup

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),  # Lightning warns of few workers and of few steps
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(20, 3)).astype("float32")
Y = X[:, :1] * 2 - X[:, 1:2]
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Data(DataModule):
    """The same samples for everything."""

    def train_dataloader(self):
        return X, Y

    def val_dataloader(self):
        return X, Y

    def test_dataloader(self):
        return X, Y

    def predict_dataloader(self):
        return X


class Line(MLSystem):
    """Regression by one small model."""

    def __init__(self, opt, net=None):
        self.net = Sequential(Dense(8, tanh), Dense(1)) if net is None else net
        self.opt = opt

    def training_step(self, batch, batch_idx):
        x, y = batch
        p = self.net(x)
        self.log("mae", MAE()(p, y), on_epoch=True)
        return MSE()(p, y)

    def validation_step(self, batch):
        x, y = batch
        return MSE()(self.net(x), y)

    test_step = validation_step

    def configure_optimizer(self):
        return self.opt


def lightning(epochs=2, **options):
    """Lightning's trainer, quiet."""
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    return Trainer(max_epochs=epochs, accelerator="cpu", **{**quiet, **options})


def both(make, epochs=2, **options):
    """A system trained by Lightning and its equal trained here: Lightning's trainer, both systems, and PyPhoton's trainer."""
    theirs, ours = make(), make()
    trainer = lightning(epochs, **options)
    trainer.fit(as_lightning(theirs, seed=5), as_lightning(Data(), batch_size=6, seed=5))
    own = setup(ours, Data(), seed=5, backend="torch")
    own.fit(epochs, batch_size=6, verbose=False)
    return trainer, theirs, ours, own


def same(a, b, atol=1e-5):
    """Parameters of two systems agree."""
    for p, q in zip(a.parameters.values(), b.parameters.values(), strict=True):
        np.testing.assert_allclose(p.value, q.value, rtol=0, atol=atol)


OPTIMISERS = [
    SGD(0.1), SGD(0.1, weight_decay=0.1), Momentum(0.05), Nesterov(0.05), Adam(0.02), Adam(0.02, eps_hat=True), AdamW(0.02), Adadelta(1.0), Adagrad(0.1),
    Rmsprop(0.01), Adamax(0.02), SGD(0.5, clip_norm=0.1), Adam(0.02, clip_value=0.01), SGD(0.5, gclip=0.05), Momentum(0.05, schedule=ExponentialDecay(0.5)),
]  # fmt: skip


@pytest.mark.parametrize("opt", OPTIMISERS, ids=repr)
def test_the_same_weights_as_here(opt):
    """Two epochs of Lightning's Trainer with every optimiser end at PyPhoton's weights, and measure what it measures."""
    trainer, theirs, ours, own = both(lambda: Line(opt))
    same(theirs, ours)
    row = own.history.epochs[-1]
    found = {name: float(value) for name, value in trainer.callback_metrics.items()}
    for name in ("loss", "mae", "val_loss"):
        assert found[name] == pytest.approx(row[name], rel=1e-4)
    assert row["loss"] < own.history.epochs[0]["loss"]


@pytest.mark.parametrize("opt", OPTIMISERS, ids=repr)
def test_formulas_in_float64(opt):
    """Three updates with given gradients are those of the formula in NumPy, to rounding."""
    p = np.array([[0.5, -1.0], [2.0, 0.1]])
    tensor = torch.tensor(p, requires_grad=True)
    made = torch_optimiser(opt, [tensor])
    slots = {name: np.zeros_like(p) for name in opt.slots}
    for step, gradient in enumerate((np.ones((2, 2)), -0.5 * p, np.array([[0.0, 3.0], [-1.0, 1e-3]])), 1):
        tensor.grad = torch.tensor(gradient)
        norm = np.sqrt((gradient**2).sum())
        clipped = gradient * (opt.clip_norm / norm) if opt.clip_norm and norm > opt.clip_norm else gradient
        made.step()
        p, slots = opt.update(p, clipped, slots, opt.numbers(step))
        np.testing.assert_allclose(tensor.detach().numpy(), p, rtol=1e-12)


def test_torchs_own_classes_where_the_formula_is_theirs():
    """SGD and Adam are torch's; what torch has not is an optimiser of torch's kind, whose rate torch's schedulers change."""
    tensor = [torch.zeros(2, requires_grad=True)]
    kinds = [type(torch_optimiser(o, tensor)) for o in (SGD(), Momentum(), Nesterov(), Adam(), AdamW(), Adadelta())]
    assert kinds == [torch.optim.SGD] * 3 + [torch.optim.Adam, torch.optim.AdamW, torch.optim.Adadelta]
    made = torch_optimiser(Rmsprop(0.1), tensor)
    assert isinstance(made, torch.optim.Optimizer)
    assert made.param_groups[0]["lr"] == 0.1
    with pytest.raises(Unsupported, match=r"Trainer\(accumulate_grad_batches=4\)"):
        torch_optimiser(SGD(accumulate=4), tensor)


def test_batch_norm_and_dropout():
    """Running means and dropout's masks are the same, too; a frozen layer stays."""

    def make():
        net = Sequential(frozen := Dense(6, relu), BatchNorm(), Dropout(0.5), Dense(1))
        freeze_(frozen)
        return Line(SGD(0.1), net)

    _, theirs, ours, _ = both(make)
    same(theirs, ours)
    assert np.abs(theirs.parameters["net.1.mean"].value).max() > 0


@pytest.mark.parametrize(
    "schedule", [StepDecay(1, 0.5), CosineDecay(4, 0.01), WarmUp(5), WarmUp(3, StepDecay(2, per="step")), ReduceOnPlateau(0.5, 0, threshold=0.9)], ids=repr
)
def test_schedules(schedule):
    """The rate of every step is PyPhoton's, and so are the weights."""
    rates = []

    class Watched(Line):
        def on_train_batch_start(self, batch, batch_idx):
            rates.append(self.trainer.optimizers[0].param_groups[0]["lr"])

    theirs, ours = Watched(SGD(0.1, schedule=schedule)), Line(SGD(0.1, schedule=schedule))
    lightning(3).fit(as_lightning(theirs, seed=5), as_lightning(Data(), batch_size=6, seed=5))
    own = setup(ours, Data(), seed=5, backend="torch")
    own.fit(3, batch_size=6, verbose=False)
    np.testing.assert_allclose(rates, own.history("lr")[1], rtol=1e-6)
    assert len(set(np.round(rates, 9))) > 1
    same(theirs, ours)


class Two(MLSystem):
    """A model and its opponent, by manual optimisation: the one fits, the other fits what is left."""

    automatic_optimization = False

    def __init__(self, schedule=None):
        self.first, self.second, self.schedule = Dense(1), Sequential(Dense(4, tanh), Dense(1)), schedule

    def training_step(self, batch, batch_idx):
        x, y = batch
        a, b = self.optimizers()
        a.zero_grad()
        self.manual_backward(MSE()(self.first(x), y))
        a.step()
        loss = MSE()(self.first(x) + self.second(x), y)
        self.log("rest", loss)
        b.minimize(loss)

    def configure_optimizer(self):
        return [SGD(0.1), Adam(0.01, schedule=self.schedule)]

    def validation_step(self, batch):
        x, y = batch
        return MSE()(self.first(x) + self.second(x), y)


@pytest.mark.parametrize("schedule", [None, ExponentialDecay(0.5), ExponentialDecay(0.9, per="step")], ids=repr)
def test_two_optimisers_by_hand(schedule):
    """Each step moves the parameters of its own model, in order; weights, logs and schedules are PyPhoton's."""
    trainer, theirs, ours, own = both(lambda: Two(schedule))
    same(theirs, ours)
    assert float(trainer.callback_metrics["rest"]) == pytest.approx(own.history("rest")[1][-1], rel=1e-4)


def test_one_step_never_moves_the_other_model():
    """A system that steps one optimiser only leaves the other's model, to the bit, and without gradients."""

    class Half(Two):
        def training_step(self, batch, batch_idx):
            x, y = batch
            self.optimizers()[1].minimize(MSE()(self.first(x) + self.second(x), y))

    system = Half()
    module = as_lightning(system, (X, Y), seed=1)
    before = system.parameters["first.kernel"].value.copy(), system.parameters["second.0.kernel"].value.copy()
    lightning(1).fit(module, as_lightning(Data()))
    assert (system.parameters["first.kernel"].value == before[0]).all()
    assert (system.parameters["second.0.kernel"].value != before[1]).any()
    assert module.models.first.kernel.grad is None


def test_several_optimisers_without_hands():
    """One loss, an optimiser for each model: one backward, then every update."""

    class Sum(Two):
        automatic_optimization = True

        def training_step(self, batch, batch_idx):
            x, y = batch
            return MSE()(self.first(x) + self.second(x), y)

    _, theirs, ours, _ = both(Sum)
    same(theirs, ours)


def test_a_gan():
    """GANSystem under Lightning: two turns in each step, with the engine's own noise; the weights of both models are PyPhoton's."""

    def make():
        return GANSystem(Sequential(Dense(6, relu), Dense(3)), Sequential(Dense(6, relu), Dense(1)), latent=2, lr=0.01)

    class Real(DataModule):
        def train_dataloader(self):
            return X

    theirs, ours = make(), make()
    trainer = lightning(3)
    trainer.fit(as_lightning(theirs, seed=5), as_lightning(Real(), batch_size=6, seed=5))
    own = setup(ours, Real(), seed=5, backend="torch")
    own.fit(3, batch_size=6, verbose=False)
    same(theirs, ours)
    for name in ("discriminator_loss", "generator_loss"):
        assert float(trainer.callback_metrics[name]) == pytest.approx(own.history.epochs[-1][name], rel=1e-4)


def test_adversarial_training():
    """FGSMSystem under Lightning: the gradient to the input inside the step, in training and, without gradients around it, in validation."""
    trainer, theirs, ours, own = both(lambda: FGSMSystem(Sequential(Dense(8, tanh), Dense(1)), MSE(), 0.1, optimizer=SGD(0.1), clip=None))
    same(theirs, ours)
    assert float(trainer.callback_metrics["val_adversarial_loss"]) == pytest.approx(own.history.epochs[-1]["val_adversarial_loss"], rel=1e-4)
    assert own.history.epochs[-1]["val_adversarial_loss"] > own.history.epochs[-1]["val_clean_loss"]


def test_constraints_hold():
    """A limit of a parameter is applied after each of Lightning's updates, too."""
    from pyphoton.keras import layers
    from pyphoton.keras.constraints import NonNeg

    def make():
        return Line(SGD(0.1), Sequential(layers.Dense(4, kernel_constraint=NonNeg()), Dense(1)))

    _, theirs, ours, _ = both(make)
    same(theirs, ours)
    kernel = next(p.value for p in theirs.parameters.values() if p.shape == (3, 4))
    assert kernel.min() == 0


def test_it_runs_with_torch_data_and_fast_dev_run():
    """A DataLoader of a TensorDataset; the parameters are made from its first batch; nothing is left behind in the system."""
    system = Line(SGD(0.1))
    module = as_lightning(system)
    lightning(1, fast_dev_run=True).fit(module, DataLoader(TensorDataset(torch.tensor(X), torch.tensor(Y)), batch_size=5), DataLoader(
        TensorDataset(torch.tensor(X), torch.tensor(Y)), batch_size=5))  # fmt: skip
    assert list(dict(module.named_parameters())) == ["models.net.0.kernel", "models.net.0.bias", "models.net.1.kernel", "models.net.1.bias"]
    assert "_trainer" not in vars(system)


def test_memory_is_shared():
    """What torch writes is PyPhoton's, and the other way round; the module computes what the system does, differentiably."""
    system = Line(SGD(0.1))
    module = as_lightning(system, (X, Y))
    with torch.no_grad():
        module.get_parameter("models.net.0.kernel").zero_()
    assert (system.parameters["net.0.kernel"].value == 0).all()
    system.parameters["net.1.bias"].set_(np.array([3.0]))
    x = torch.tensor(X, requires_grad=True)
    np.testing.assert_allclose(module.eval()(x).detach().numpy(), system(X), rtol=1e-6)
    module(x).sum().backward()
    assert module.get_parameter("models.net.1.bias").grad.item() == 20


def test_a_module_of_another_type_gives_its_numbers_back():
    """Lightning's "64-true" makes other tensors; after the fit the system has their numbers, near those of float32."""
    theirs, ours = Line(SGD(0.1)), Line(SGD(0.1))
    lightning(2, precision="64-true").fit(module := as_lightning(theirs, seed=5), as_lightning(Data(), batch_size=6, seed=5))
    assert module.get_parameter("models.net.0.kernel").dtype == torch.float64
    setup(ours, Data(), seed=5, backend="torch").fit(2, batch_size=6, verbose=False)
    same(theirs, ours, 1e-4)


def test_checkpoints(tmp_path):
    """ModelCheckpoint keeps the best by a name that the system logs; a file is loaded, and training goes on from one as if it had never ended."""

    def make():
        return Line(Adam(0.02), Sequential(Dense(8, tanh), Dropout(0.3), Dense(1)))

    keep = ModelCheckpoint(tmp_path, monitor="val_loss", save_last=True)
    system = make()
    trainer = lightning(2, callbacks=[keep], enable_checkpointing=True)
    trainer.fit(as_lightning(system, seed=5), as_lightning(Data(), batch_size=6, seed=5))
    from pyphoton.interop.lightning_module import SystemModule

    loaded = SystemModule.load_from_checkpoint(keep.last_model_path, system=make(), batch=(X, Y))
    same(loaded.system, system, 0)
    whole, half = make(), make()
    lightning(4).fit(as_lightning(whole, seed=5), as_lightning(Data(), batch_size=6, seed=5))
    lightning(4).fit(as_lightning(half, seed=5), as_lightning(Data(), batch_size=6, seed=5), ckpt_path=keep.last_model_path, weights_only=False)
    same(half, whole, 0)


def test_validate_test_and_predict():
    """Before any fit, too: means over the samples, and tensors in the structure of predict_step."""

    class Named(Line):
        def predict_step(self, batch):
            return {"p": self.net(batch), "double": 2 * self.net(batch)}

    system = Named(SGD(0.1))
    module, data = as_lightning(system, (X, Y)), as_lightning(Data(), batch_size=6)
    expected = float(((system.net(X) - Y) ** 2).mean())
    assert lightning().validate(module, data, verbose=False)[0]["val_loss"] == pytest.approx(expected, rel=1e-5)
    assert lightning().test(module, data, verbose=False)[0]["test_loss"] == pytest.approx(expected, rel=1e-5)
    found = lightning().predict(module, data)
    np.testing.assert_allclose(np.concatenate([f["double"] for f in found]), 2 * system.net(X), rtol=1e-5)


def test_hooks_and_callbacks():
    """The system's hooks run with Lightning's trainer; what they log can stop it; Lightning's callbacks see everything."""
    seen = []

    class Hooked(Line):
        def on_train_epoch_end(self):
            seen.append((self.current_epoch, self.global_step, self.trainer.max_epochs))
            self.log("score", 1.0)

        def on_train_batch_end(self, outputs, batch, batch_idx):
            if self.global_step == 10:
                self.trainer.should_stop = True

    lightning(7, callbacks=[EarlyStopping("score", patience=2, strict=False, check_on_train_epoch_end=True)]).fit(
        as_lightning(Hooked(SGD(0.1))), as_lightning(Data(), batch_size=5))  # fmt: skip
    assert seen == [(0, 4, 7), (1, 8, 7), (2, 10, 7)]


def test_a_rate_monitor_sees_the_rate(tmp_path):
    """LearningRateMonitor and a logger work with optimisers of ours as with torch's."""
    from lightning.pytorch.loggers import CSVLogger

    lightning(2, logger=CSVLogger(tmp_path), callbacks=[LearningRateMonitor()], log_every_n_steps=1).fit(
        as_lightning(Line(Rmsprop(0.01, schedule=StepDecay(1, 0.5)))), as_lightning(Data()))  # fmt: skip
    text = next(tmp_path.rglob("metrics.csv")).read_text()
    assert "lr-Formula" in text
    assert "0.005" in text


def test_lightnings_data_here():
    """A LightningDataModule trains a system here; what it does not have is no data."""

    class Theirs(LightningDataModule):
        def setup(self, stage):
            self.data = TensorDataset(torch.tensor(X), torch.tensor(Y))

        def train_dataloader(self):
            return DataLoader(self.data, batch_size=6)

    system = Line(SGD(0.1))
    trainer = setup(system, from_lightning(Theirs()), backend="torch")
    trainer.fit(2, verbose=False)
    assert trainer.steps == 8
    assert "val_loss" not in trainer.history.epochs[-1]
    with pytest.raises(ArgumentError, match="a LightningDataModule"):
        from_lightning(X)


def test_a_data_module_without_validation():
    """Data that are only there to train with."""

    class Only(DataModule):
        def train_dataloader(self):
            return X, Y

    trainer = lightning(1)
    trainer.fit(as_lightning(Line(SGD(0.1))), as_lightning(Only(), batch_size=None))
    assert trainer.global_step == 1
    assert "val_loss" not in trainer.callback_metrics


def test_what_it_does_not_take():
    """A model alone; an optimiser of frozen models only; batches that can be read only once."""
    still = Line(SGD(0.1))
    freeze_(still.net)
    with pytest.raises(ArgumentError, match="whose are all frozen"):
        lightning(1).fit(as_lightning(still), as_lightning(Data()))
    with pytest.raises(ArgumentError, match="as_lightning: expected an MLSystem or a DataModule"):
        as_lightning(Dense(3))
    with pytest.raises(NotBuilt, match=r"as_lightning\(system, batch\)"):
        lightning(1).fit(as_lightning(Line(SGD(0.1))), (b for b in [(torch.tensor(X), torch.tensor(Y))]))


def test_importing_loads_none_of_it():
    """pyphoton.interop names everything and loads nothing."""
    code = "import sys, pyphoton.interop; print([m for m in ('torch', 'lightning', 'sklearn', 'numpy', 'pandas') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
