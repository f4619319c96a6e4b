"""Training of systems: against loops by hand in NumPy, with schedules, logs, hooks, steps of all kinds."""

import math

import numpy as np
import pytest

from pyphoton import (
    MAE,
    MSE,
    SGD,
    Adam,
    AutoSave,
    CosineDecay,
    Dense,
    EarlyStop,
    EpochSave,
    FileMeter,
    NonFiniteLoss,
    PhotonError,
    Sequential,
    StepDecay,
    freeze_,
    get_backend,
    stop,
)
from pyphoton.systems import (
    Cosine,
    ExponentialLR,
    InverseTimeLR,
    LambdaLR,
    LinearLR,
    MLModel,
    MLSystem,
    MultiStepLR,
    Optimizer,
    ReduceLROnPlateau,
    StepLR,
    configure_optimizer,
    configure_optimizers,
    loss,
    setup,
)

RANDOM = np.random.default_rng(5)
X = RANDOM.normal(size=(22, 3)).astype("float32")
Y = RANDOM.normal(size=(22, 1)).astype("float32")


class Line(MLModel):
    """A line without a constant, and its squares."""

    def __init__(self):
        self.dense = Dense(1, use_bias=False)

    def forward(self, x):
        """The line."""
        return self.dense(x)

    def loss(self, batch):
        """Squares."""
        return MSE()(self(batch[0]), batch[1])


class Lines(MLSystem):
    """Lines with the optimisers that `opts` makes."""

    def __init__(self, count=1, opts=lambda system: SGD(0.1)):
        self.models = [Line() for _ in range(count)]
        self.opts = opts

    def configure_optimizer(self):
        """What was given."""
        return self.opts(self)


def kernels(system):
    """Copies of the lines' numbers."""
    return [m.dense.parameters.kernel.value.copy() for m in system.models]


def slope(w, x, y):
    """The gradient of the mean of squares."""
    return 2 / len(x) * x.T @ (x @ w - y)


def test_an_epoch_is_the_loop_by_hand():
    """Minibatches of 8 in order, SGD: weights, losses of each step and the epoch's mean are those of NumPy."""
    system = Lines()
    trainer = setup(system, (X, Y))
    (w,) = kernels(system)
    w, losses = w.astype("float64"), []
    for i in (0, 8, 16):
        x, y = X[i : i + 8], Y[i : i + 8]
        losses.append(np.mean((x @ w - y) ** 2))
        w -= 0.1 * slope(w, x, y)
    assert trainer.fit(1, batch_size=8, shuffle=False) is trainer
    np.testing.assert_allclose(kernels(system)[0], w, rtol=1e-5, atol=1e-6)
    steps, values = trainer.history("loss")
    np.testing.assert_array_equal(steps, [1, 2, 3])
    np.testing.assert_allclose(values, losses, rtol=1e-5)
    np.testing.assert_allclose(trainer.history.epochs[0]["loss"], np.average(losses, weights=[8, 8, 6]), rtol=1e-5)
    assert (trainer.steps, trainer.epochs) == (3, 1)


def test_one_optimiser_for_each_model_moves_only_that():
    """configure_optimizers gives as many as models; where only the first is returned, the second model is bit-equal after training."""
    system = Lines(3)
    made = configure_optimizers(system, Adam, 1e-3, beta_2=0.99)
    assert len(made) == len(system.models) == 3
    assert all(o.optimiser.beta2 == 0.99 and o.optimiser.lr == 1e-3 for o in made)
    assert [o.models for o in made] == [(m,) for m in system.models]
    system = Lines(2, lambda s: configure_optimizers(s, SGD, 0.1)[0])
    trainer = setup(system, (X, Y))
    before = kernels(system)
    trainer.fit(1)
    after = kernels(system)
    assert np.abs(before[0] - after[0]).max() > 1e-3
    np.testing.assert_array_equal(before[1], after[1])


def test_several_optimisers_update_at_once():
    """Two rates: each model moves as it would by itself, from the gradients of the same parameters."""
    system = Lines(2, lambda s: [SGD(0.1), SGD(0.3)])
    trainer = setup(system, (X, Y))
    a, b = kernels(system)
    trainer.fit(1, batch_size=None)
    np.testing.assert_allclose(kernels(system)[0], a - 0.1 * slope(a, X, Y), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(kernels(system)[1], b - 0.3 * slope(b, X, Y), rtol=1e-5, atol=1e-6)
    assert set(trainer.history.epochs[0]) >= {"lr_line", "lr_line_2", "loss"}


def test_a_shared_layer_is_trained_by_the_optimisers_of_both_models():
    """Each takes the gradient of the same loss at the same parameters: the steps add up."""
    shared = Dense(1, use_bias=False)

    class Uses(MLModel):
        def __init__(self):
            self.dense = shared

        def forward(self, x):
            return self.dense(x)

        def loss(self, batch):
            return MSE()(self(batch[0]), batch[1])

    class Shares(MLSystem):
        def configure_optimizer(self):
            return [SGD(0.1), SGD(0.02)]

    trainer = setup(Shares([Uses(), Uses()]), (X, Y))
    w = shared.parameters.kernel.value.copy()
    trainer.fit(1, batch_size=None)
    np.testing.assert_allclose(shared.parameters.kernel.value, w - (0.1 + 0.02) * 2 * slope(w, X, Y), rtol=1e-5, atol=1e-6)


FORMS = {
    "one": lambda o: o,
    "list": lambda o: [o],
    "lists": lambda o: ([o], [StepDecay(1, 0.5)]),
    "lists, bound": lambda o: ([o], [StepLR(o, 1, gamma=0.5)]),
    "lists, dictionary": lambda o: ([o], [{"scheduler": StepLR(o, 1, gamma=0.5), "interval": "epoch"}]),
    "dictionary": lambda o: {"optimizer": o},
    "dictionary, scheduler": lambda o: {"optimizer": o, "lr_scheduler": StepLR(o, 1, gamma=0.5)},
    "dictionary, options": lambda o: {"optimizer": o, "lr_scheduler": {"scheduler": StepLR(o, 1, gamma=0.5), "interval": "epoch", "frequency": 1, "monitor": "val_loss"}},
    "list of dictionaries": lambda o: [{"optimizer": o, "lr_scheduler": StepLR(o, 1, gamma=0.5)}],
}


@pytest.mark.parametrize("form", FORMS)
def test_all_of_lightnings_forms(form):
    """Each form of one optimiser trains alike, and halves the rate where it has a scheduler."""
    trainer = setup(Lines(1, lambda s: FORMS[form](SGD(0.1))), (X, Y)).fit(3)
    falls = [0.1, 0.05, 0.025] if form not in ("one", "list", "dictionary") else [0.1] * 3
    np.testing.assert_allclose([row["lr"] for row in trainer.history.epochs], falls, rtol=1e-12)


def test_none_updates_nothing():
    """configure_optimizer returns None: steps are done and measured, no weight moves."""
    system = Lines(1, lambda s: None)
    trainer = setup(system, (X, Y))
    before = kernels(system)
    trainer.fit(2, shuffle=False, batch_size=None)
    np.testing.assert_array_equal(kernels(system), before)
    np.testing.assert_allclose(trainer.history("loss")[1], [loss(system, (X, Y))] * 2, rtol=1e-5)


SCHEDULES = {
    "cosine": (lambda o: Cosine(o, T_max=10), lambda t: (1 + math.cos(math.pi * min(t, 10) / 10)) / 2),
    "cosine, minimum": (lambda o: Cosine(o, T_max=10, eta_min=0.01), lambda t: 0.1 + 0.9 * (1 + math.cos(math.pi * min(t, 10) / 10)) / 2),
    "step": (lambda o: StepLR(o, 3, gamma=0.5), lambda t: 0.5 ** (t // 3)),
    "multistep": (lambda o: MultiStepLR(o, [2, 5]), lambda t: 0.1 ** sum(t >= m for m in (2, 5))),
    "exponential": (lambda o: ExponentialLR(o, 0.9), lambda t: 0.9**t),
    "warm-up": (lambda o: LinearLR(o, 0.2, total_iters=4), lambda t: 0.2 + 0.8 * min(t, 4) / 4),
    "lambda": (lambda o: LambdaLR(o, lambda t: 1 / (t + 1)), lambda t: 1 / (t + 1)),
    "inverse time": (lambda o: InverseTimeLR(o, 0.5), lambda t: 1 / (1 + 0.5 * t)),
    "core": (lambda o: CosineDecay(10), lambda t: (1 + math.cos(math.pi * min(t, 10) / 10)) / 2),
}


@pytest.mark.parametrize("interval", ["epoch", "step"])
@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_follow_the_formula(name, interval):
    """At every epoch, or at every step: lr is 0.1 times the formula's factor; the rate is what the update takes."""
    schedule, factor = SCHEDULES[name]

    def opts(system):
        opt = SGD(0.1)
        return {"optimizer": opt, "lr_scheduler": {"scheduler": schedule(opt), "interval": interval}}

    system = Lines(1, opts)
    trainer = setup(system, (X, Y))
    (w,) = kernels(system)
    trainer.fit(8, batch_size=11, shuffle=False)
    number = [k if interval == "step" else k // 2 for k in range(16)]
    np.testing.assert_allclose(trainer.history("lr")[1], [0.1 * factor(t) for t in number], rtol=1e-9)
    np.testing.assert_allclose([row["lr"] for row in trainer.history.epochs], [0.1 * factor(number[2 * e + 1]) for e in range(8)], rtol=1e-9)
    for k, t in enumerate(number):
        part = slice(0, 11) if k % 2 == 0 else slice(11, 22)
        w = w - 0.1 * factor(t) * slope(w, X[part], Y[part])
    np.testing.assert_allclose(kernels(system)[0], w, rtol=1e-4, atol=1e-5)


def test_frequency_makes_time_slower():
    """frequency=2 with interval epoch: the schedule goes on at every second epoch, as in Lightning."""
    opt = SGD(0.1)
    trainer = setup(Lines(1, lambda s: {"optimizer": opt, "lr_scheduler": {"scheduler": StepLR(opt, 1, 0.5), "frequency": 2}}), (X, Y)).fit(5)
    np.testing.assert_allclose([row["lr"] for row in trainer.history.epochs], [0.1, 0.1, 0.05, 0.05, 0.025], rtol=1e-12)


def test_a_plateau_is_seen_in_the_monitored_value():
    """The monitored number never improves: with patience 1 the rate falls after the third epoch, and after two more."""

    class Flat(Lines):
        def validation_step(self, batch):
            self.log("score", 1.0)

    def opts(system):
        opt = SGD(0.1)
        return {"optimizer": opt, "lr_scheduler": {"scheduler": ReduceLROnPlateau(opt, factor=0.5, patience=1), "monitor": "score"}}

    trainer = setup(Flat(1, opts), (X, Y), (X, Y)).fit(6)
    np.testing.assert_allclose([row["lr"] for row in trainer.history.epochs], [0.1, 0.1, 0.1, 0.05, 0.05, 0.025], rtol=1e-12)


@pytest.mark.parametrize(("made", "text"), [
    (lambda s: 3, "an optimiser, a list of them"), (lambda s: [], None), (lambda s: {"optimiser": SGD()}, "'optimizer'"), (lambda s: {"optimizer": None}, "None"),
    (lambda s: [SGD(), None], "None"), (lambda s: [SGD(), SGD(), SGD()], "one for each of 2 models"), (lambda s: ([SGD()], [3]), "a schedule, as Cosine"),
    (lambda s: ([SGD()], [CosineDecay(3), CosineDecay(4)]), "at most 1 schedulers"), (lambda s: Optimizer(SGD(), Dense(1)), "the system's own models"),
    (lambda s: ([SGD(0.1, schedule=CosineDecay(3))], [CosineDecay(3)]), "one schedule for each"), (lambda s: ([SGD()], [Cosine(SGD(), 3)]), "optimisers in the list"),
    (lambda s: {"optimizer": SGD(), "lr_scheduler": {"scheduler": CosineDecay(3), "interval": "batch"}}, "interval 'epoch' or 'step'"),
    (lambda s: {"optimizer": SGD(), "lr_scheduler": {"schedule": CosineDecay(3)}}, "'scheduler'"), (lambda s: {"optimizer": SGD(), "lr_scheduler": {"scheduler": CosineDecay(3), "frequency": 0}}, "frequency"),
    (lambda s: configure_optimizers(s, Adam, 1e-3, beta_3=0.9), "beta_3"), (lambda s: configure_optimizers(s, Adam(), 1e-3), "Adam, lr"),
    (lambda s: configure_optimizers(s, Adam, 1e-3, beta1=0.9, beta_1=0.8), "beta1 once"), (lambda s: configure_optimizers(3, Adam, 1e-3), "an MLSystem"),
    (lambda s: Optimizer(SGD()), "no model"), (lambda s: [SGD(0.1)] * 2, "twice"), (lambda s: Cosine(0.1, 3), "the optimiser first"), (lambda s: Cosine(SGD(), T_maxx=3), "T_max"),
])  # fmt: skip
def test_what_configure_optimizer_may_not_return(made, text):
    """The error names the class, what was expected and what came."""
    if text is None:
        setup(Lines(2, made), (X, Y))
        return
    with pytest.raises(PhotonError, match=text):
        setup(Lines(2, made), (X, Y))


def test_configure_optimizer_is_required():
    """The default raises NotImplementedError, names the type and shows what to write; the plural is accepted as an override."""

    class Without(MLSystem):
        pass

    class Plural(MLSystem):
        def configure_optimizers(self):
            return Adam(0.1)

    with pytest.raises(NotImplementedError, match=r"Without.*def configure_optimizer\(self\): return Adam") as caught:
        setup(Without([Line()]), (X, Y))
    assert isinstance(caught.value, PhotonError)
    with pytest.raises(PhotonError, match="Without"):
        Without([Line()]).configure_optimizer()
    assert setup(Plural([Line()]), (X, Y)).optimizers[0].lr == 0.1


def test_the_method_may_stand_outside_of_the_class():
    """configure_optimizer is a generic function: what is registered for a type counts in setup, too."""

    class Registered(MLSystem):
        pass

    @configure_optimizer.register(Registered)
    def optimisers_of(system):
        return SGD(0.3)

    system = Registered([Line()])
    assert configure_optimizer(system).lr == 0.3
    assert setup(system, (X, Y)).optimizers[0].lr == 0.3
    with pytest.raises(PhotonError, match="an MLSystem first"):
        configure_optimizer(3)


# ---- steps ---------------------------------------------------------------------------------------------------------------


def test_logged_numbers_are_means_weighted_by_samples():
    """on_step, on_epoch and both: names and values in the history; constants, too; a dictionary's other numbers are kept."""

    class Logs(Lines):
        def training_step(self, batch, batch_idx):
            x, y = batch
            distance = MAE()(self.models[0](x), y)
            self.log("every", distance)
            self.log("mean", distance, on_step=False, on_epoch=True)
            self.log_dict({"both": distance, "fixed": 2.5}, on_epoch=True)
            return {"loss": loss(self, batch), "more": distance * 2}

        def validation_step(self, batch):
            self.log("val_twice", 2 * loss(self, batch))
            return loss(self)

    system = Logs(1, lambda s: SGD(0.0))
    trainer = setup(system, (X, Y), (X[:10], Y[:10])).fit(1, batch_size=8, shuffle=False)
    (w,) = kernels(system)
    distances = [np.abs(X[i : i + 8] @ w - Y[i : i + 8]).mean() for i in (0, 8, 16)]
    row, mean = trainer.history.epochs[0], np.average(distances, weights=[8, 8, 6])
    np.testing.assert_allclose(trainer.history("every")[1], distances, rtol=1e-5)
    np.testing.assert_allclose(trainer.history("more")[1], np.multiply(distances, 2), rtol=1e-5)
    np.testing.assert_allclose(trainer.history("both_step")[1], distances, rtol=1e-5)
    np.testing.assert_allclose([row["mean"], row["both"], row["both_epoch"], row["fixed_epoch"]], [mean, mean, mean, 2.5], rtol=1e-5)
    assert "every" not in row
    assert "mean" not in trainer.history
    np.testing.assert_allclose([row["val_loss"], row["val_twice"]], np.multiply([1, 2], loss(system, (X[:10], Y[:10]))), rtol=1e-5)
    again = trainer.validate()
    assert list(again) == ["val_loss", "val_twice"]
    np.testing.assert_allclose(list(again.values()), [row[name] for name in again], rtol=1e-6)


def test_a_step_that_looks_at_its_number_is_traced_for_each():
    """Every second minibatch is left out (None), and the loss of step 2 counts twice: weights as by hand; steps count what was trained."""
    seen = []

    class Odd(Lines):
        def training_step(self, batch, batch_idx):
            seen.append(int(batch_idx))
            if batch_idx % 2:
                return None
            return loss(self, batch) * (2 if batch_idx == 2 else 1)

    system = Odd()
    trainer = setup(system, (X, Y))
    (w,) = kernels(system)
    trainer.fit(2, batch_size=8, shuffle=False)
    for _ in range(2):
        for i, factor in ((0, 1), (16, 2)):
            w = w - 0.1 * factor * slope(w, X[i : i + 8], Y[i : i + 8])
    np.testing.assert_allclose(kernels(system)[0], w, rtol=1e-5, atol=1e-6)
    assert (trainer.steps, trainer.epochs) == (4, 2)
    assert set(seen) == {0, 1, 2}


def test_a_step_that_does_not_look_is_traced_once():
    """Whatever the number of minibatches and epochs: once for each kind of batch."""
    seen = []

    class Counts(Lines):
        def training_step(self, batch, batch_idx):
            seen.append(tuple(batch[0].shape))
            return loss(self, batch)

    setup(Counts(), (X, Y)).fit(3, batch_size=4)
    assert seen == [(None, 3)]
    setup(Counts(), [(X[:4], Y[:4]), (X[4:9], Y[4:9])]).fit(3)
    assert seen == [(None, 3)] * 2


def test_the_epoch_may_weigh_the_loss():
    """current_epoch in a step makes another trace for each epoch: the weight is 1, then 2."""

    class Grows(Lines):
        def training_step(self, batch):
            self.log("weight", self.current_epoch + 1)
            return loss(self, batch) * (self.current_epoch + 1)

    system = Grows()
    trainer = setup(system, (X, Y))
    (w,) = kernels(system)
    trainer.fit(2, batch_size=None)
    for factor in (1, 2):
        w = w - 0.1 * factor * slope(w, X, Y)
    np.testing.assert_allclose(kernels(system)[0], w, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(trainer.history("weight")[1], [1, 2])


def test_batches_keep_their_structure():
    """Dictionaries, nested tuples and single arrays reach the step as they are; predict gives the structure that predict_step returns."""

    class Nested(MLSystem):
        def __init__(self):
            self.net = Dense(1, use_bias=False)

        def training_step(self, batch, batch_idx):
            a, b = batch["pair"]
            return MSE()(self.net(a) + self.net(b), batch["y"])

        def predict_step(self, batch):
            return {"p": self.net(batch["x"]), "both": (batch["x"], self.net(batch["x"]) * 2)}

        def configure_optimizer(self):
            return SGD(0.1)

    system = Nested()
    trainer = setup(system, {"pair": (X, 2 * X), "y": Y})
    w = system.net.parameters.kernel.value.copy()
    trainer.fit(1, batch_size=None)
    np.testing.assert_allclose(system.net.parameters.kernel.value, w - 0.1 * 3 * slope(3 * w, X, Y), rtol=1e-4, atol=1e-5)
    found = trainer.predict({"x": X}, batch_size=5)
    np.testing.assert_allclose(found["p"], X @ system.net.parameters.kernel.value, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found["both"][1], 2 * found["p"], rtol=1e-6)
    np.testing.assert_array_equal(found["both"][0], X)


@pytest.mark.parametrize(("step", "text"), [
    (lambda self, batch: 3.0, "a loss that is a tensor, received 3.0"), (lambda self, batch: self.models[0](batch[0]), "one number for the batch"),
    (lambda self, batch: {"other": 1}, "a dictionary with 'loss'"), (lambda self: 1, r"of \(self, batch, batch_idx\)"), (lambda self, batch: "x", "'x'"),
    (lambda self, batch: self.log("a", None), "one number, received None"), (lambda self, batch: self.log("a", batch[0]), r"one number, received \(batch, 3\)"),
    (lambda self, batch: MSE()(batch[0], batch[0] * 2), "a loss that depends on parameters"), (lambda self, batch: self.log(3, 1.0), "a name"), (lambda self, batch: self.log("lr", 1.0), "by itself"), (lambda self, batch: [self.log("a", 1.0), self.log("a", 1.0)], "same name twice"),
    (lambda self, batch: self.log("a", 1.0, on_step=False, on_epoch=False), "on_step or on_epoch"), (lambda self, batch: batch[5], "IndexError"),
    (lambda self, batch: self.optimizers().step(), "training in a system|manual_backward"), (lambda self, batch: {"loss": loss(self, batch), "p": self.models[0](batch[0])}, r"log\('p'\): expected one number"),
])  # fmt: skip
def test_what_a_step_may_not_do(step, text):
    """The error names the class and the step."""

    class Bad(Lines):
        training_step = step

    with pytest.raises(PhotonError, match=text):
        setup(Bad(), (X, Y))


def test_outside_of_steps_there_is_nothing_to_log_or_step():
    """log, optimizers and manual_backward need a running step; current_epoch a trainer."""
    system = Lines()
    for call in (lambda: system.log("a", 1.0), system.optimizers, lambda: system.manual_backward(1), Optimizer(SGD(), system.models[0]).step):
        with pytest.raises(PhotonError, match="a step of a system"):
            call()
    with pytest.raises(PhotonError, match=r"setup\(system, data\) first"):
        system.current_epoch  # noqa: B018


# ---- hooks, callbacks, errors --------------------------------------------------------------------------------------------


def test_hooks_come_in_order_and_may_log():
    """Lightning's hooks of the system; what on_train_epoch_end logs stands in the epoch's row."""
    said = []

    class Hooked(Lines):
        def on_fit_start(self):
            said.append("fit")

        def on_train_epoch_start(self):
            said.append(f"epoch {self.current_epoch}")

        def on_train_batch_end(self, outputs, batch, batch_idx):
            said.append(f"batch {batch_idx} {len(batch[0])} {sorted(outputs)}")

        def on_validation_epoch_end(self):
            said.append("validated")

        def on_train_epoch_end(self):
            said.append("end")
            self.log("mark", 7.0)

        def on_fit_end(self):
            said.append("over")

    trainer = setup(Hooked(), (X, Y), (X[:5], Y[:5])).fit(1, batch_size=11)
    assert said == ["fit", "epoch 0", "batch 0 11 ['loss']", "batch 1 11 ['loss']", "validated", "end", "over"]
    assert trainer.history.epochs[0]["mark"] == trainer.callback_metrics["mark"] == 7.0
    assert (trainer.current_epoch, trainer.global_step) == (1, 2)


def test_hooks_that_nobody_calls_are_refused():
    """A typo in a hook's name is an error with the nearest names."""

    class Typo(Lines):
        def on_train_epoch_finish(self):
            """Never called."""

    with pytest.raises(PhotonError, match=r"on_train_epoch_finish.*on_train_epoch_"):
        setup(Typo(), (X, Y))


def test_callbacks_and_should_stop_end_training():
    """EarlyStop watches what is logged; stop() in a callback and should_stop in a hook end after the epoch; the reason is kept."""

    class Stops(Lines):
        def on_train_epoch_end(self):
            if self.current_epoch == 1:
                self.trainer.should_stop = True

    trainer = setup(Stops(), (X, Y)).fit(9)
    assert (trainer.epochs, trainer.stopped) == (2, "should_stop was set")
    trainer = setup(Lines(1, lambda s: SGD(0.0)), (X, Y), (X, Y), callbacks=EarlyStop("val_loss", patience=1)).fit(9)
    assert trainer.epochs == 3
    trainer = setup(Lines(), (X, Y)).fit(5, callbacks=[lambda w, phase: stop(w, "enough") if phase == "valid" else None])
    assert (trainer.epochs, trainer.stopped) == (1, "enough")


def test_callbacks_of_all_forms_and_savers(tmp_path, monkeypatch):
    """Keras's and Lightning's methods, a meter, and files: a trainer writes itself, and a new one goes on from the file."""
    monkeypatch.chdir(tmp_path)
    said = []

    class Keras:
        def on_epoch_end(self, epoch, logs):
            said.append((epoch, sorted(logs)))

    class Lightning:
        def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
            said.append((type(module).__name__, trainer.steps, len(batch[1])))

    trainer = setup(Lines(), (X, Y), (X[:5], Y[:5]), callbacks=[Keras(), Lightning()])
    trainer.fit(2, batch_size=None, callbacks=[EpochSave("last.pp"), AutoSave("val_loss"), FileMeter("log.csv")])
    names = ["loss", "lr", "val_loss"]
    assert said == [("Lines", 1, 22), (0, names), ("Lines", 2, 22), (1, names)]
    assert {"last.pp", "log.csv"} < {p.name for p in tmp_path.iterdir()}
    again = setup(Lines(), (X, Y)).load("last.pp")
    np.testing.assert_array_equal(kernels(again.system), kernels(trainer.system))
    assert again.history.epochs[-1]["val_loss"] == trainer.history.epochs[-1]["val_loss"]
    with pytest.raises(PhotonError, match="val_los"):
        trainer.fit(1, callbacks=EarlyStop("val_los"))


def test_penalties_count_in_training_only():
    """A layer of the Keras face with L2 0.01: the training loss is larger than the measured one by 0.01 times the squares."""
    from pyphoton import keras

    class Penalised(MLSystem):
        def __init__(self):
            self.net = keras.Dense(1, kernel_regularizer="l2")

        def loss(self, batch):
            return MSE()(self.net(batch[0]), batch[1])

        def configure_optimizer(self):
            return SGD(0.0)

    system = Penalised()
    trainer = setup(system, (X, Y)).fit(1, batch_size=None)
    expected = 0.01 * np.sum(system.net.parameters.kernel.value ** 2)
    np.testing.assert_allclose(trainer.history("loss")[1] - loss(system, (X, Y)), [expected], rtol=1e-3)
    np.testing.assert_allclose(trainer.validate((X, Y))["val_loss"], loss(system, (X, Y)), rtol=1e-6)


def test_a_frozen_model_stays():
    """freeze_ on a model of the system: bit-equal, while the other one learns."""
    system = Lines(2)
    trainer = setup(system, (X, Y))
    before = kernels(system)
    freeze_(system.models[0])
    trainer.fit(2)
    after = kernels(system)
    np.testing.assert_array_equal(before[0], after[0])
    assert (before[1] != after[1]).all()


def test_an_epoch_that_fails_is_undone():
    """A hook fails in the second epoch: weights, counters and history are those after the first, and training goes on from there."""

    class Fails(Lines):
        broken = False

        def on_train_batch_end(self, outputs, batch, batch_idx):
            if self.broken and batch_idx == 1:
                raise RuntimeError("broken")

    def trained():
        system = Fails(1, lambda s: Adam(0.1))
        return system, setup(system, (X, Y), seed=4).fit(1, batch_size=8)

    system, trainer = trained()
    before = kernels(system)
    system.broken = True
    with pytest.raises(RuntimeError, match="broken"):
        trainer.fit(1, batch_size=8)
    np.testing.assert_array_equal(kernels(system), before)
    assert (trainer.steps, trainer.epochs, len(trainer.history.epochs)) == (3, 1, 1)
    system.broken = False
    trainer.fit(1, batch_size=8)
    other, again = trained()
    again.fit(1, batch_size=8)
    np.testing.assert_array_equal(kernels(system), kernels(other))


def test_a_loss_that_is_not_finite_ends_training():
    """NonFiniteLoss names the step; the epoch is undone; on_nan="ignore" goes on."""
    bad = X.copy()
    bad[20] = np.nan
    system = Lines()
    trainer = setup(system, (bad, Y))
    before = kernels(system)
    with pytest.raises(NonFiniteLoss, match="step 3: expected finite numbers, received NaN or infinity in the data"):
        trainer.fit(1, batch_size=8, shuffle=False)
    np.testing.assert_array_equal(kernels(system), before)
    trainer.fit(1, batch_size=8, shuffle=False, on_nan="ignore")
    assert np.isnan(kernels(system)).all()


def test_minibatches_that_are_wrong_are_named():
    """The error says which minibatch; a generator without any, which data."""
    with pytest.raises(PhotonError, match="minibatch 2") as caught:
        setup(Lines(), [(X[:4], Y[:4]), (X[:4], None)]).fit(1)
    assert "received None" in str(caught.value)
    with pytest.raises(PhotonError, match="at least one minibatch"):
        setup(Lines(), iter(()))


def test_a_system_of_sequential_models_on_labels():
    """Class numbers stay whole where one turn uses them as positions; three classes are learned."""
    from pyphoton import CrossEntropyLoss

    labels = (X[:, 0] > 0).astype("int64") + (X[:, 1] > 0)

    class Classes(MLSystem):
        def __init__(self):
            self.net = Sequential(Dense(16, "tanh"), Dense(3))

        def training_step(self, batch):
            x, y = batch
            scores = self.net(x)
            self.log("accuracy", (scores.argmax(1) == y).mean())
            return CrossEntropyLoss(use_softmax=True)(scores, y)

        def configure_optimizer(self):
            return Adam(0.05)

    trainer = setup(Classes(), (X, labels)).fit(40)
    assert trainer.history("accuracy")[1][-1] > 0.9
    with pytest.raises(PhotonError, match="whole numbers from 0 to 2"):
        setup(Classes(), (X, labels + 1)).fit(1)


def test_it_runs_on_the_engine_of_the_run():
    """The trainer says where it runs."""
    trainer = setup(Lines(), (X, Y))
    assert trainer.network.backend is get_backend()
    assert "0 steps, 0 epochs" in repr(trainer)
