"""Manual optimisation and GANs: turns in their order, against loops by hand; each turn moves one model and never the other."""

import numpy as np
import pytest

from pyphoton import MSE, SGD, Adam, Dense, PhotonError, Sequential, relu
from pyphoton.systems import GANSystem, MLSystem, Optimizer, configure_optimizers, setup

RANDOM = np.random.default_rng(8)
X = RANDOM.normal(size=(12, 2)).astype("float32")
Z = RANDOM.normal(size=(12, 3)).astype("float32")


class Two(MLSystem):
    """Two matrices a (2 -> 2) and b (2 -> 1), and a step that is given."""

    automatic_optimization = False

    def __init__(self, step, opts=None):
        self.a, self.b = Dense(2, use_bias=False), Dense(1, use_bias=False)
        self.step, self.opts = step, opts

    def training_step(self, batch):
        """What was given."""
        return self.step(self, batch)

    def configure_optimizer(self):
        """SGD for each."""
        return configure_optimizers(self, SGD, 0.1) if self.opts is None else self.opts(self)


def numbers(*models):
    """Copies of the models' kernels."""
    return [m.parameters.kernel.value.copy() for m in models]


def test_a_later_turn_sees_what_an_earlier_one_has_done():
    """First a is updated by mean((x a b)^2), then b by the same loss at the new a; by hand in NumPy."""

    def step(self, x):
        first, second = self.optimizers()
        value = self.b(self.a(x)).square().mean()
        first.zero_grad()
        self.manual_backward(value)
        first.step()
        again = self.b(self.a(x)).square().mean()
        second.zero_grad()
        self.manual_backward(again)
        second.step()
        self.log("after", again)

    system = Two(step)
    trainer = setup(system, X)
    a, b = numbers(system.a, system.b)
    trainer.fit(1, batch_size=None)
    before = np.mean((X @ a @ b) ** 2)
    a = a - 0.1 * 2 / 12 * X.T @ (X @ a @ b) @ b.T
    between = np.mean((X @ a @ b) ** 2)
    b = b - 0.1 * 2 / 12 * (X @ a).T @ (X @ a @ b)
    np.testing.assert_allclose(numbers(system.a, system.b)[0], a, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(numbers(system.a, system.b)[1], b, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(trainer.history("a_loss")[1], [before], rtol=1e-5)
    np.testing.assert_allclose(trainer.history("after")[1], [between], rtol=1e-5)


def test_what_is_logged_after_the_last_step_is_measured_after_it():
    """The same formula before and after an update: two values, the second at the new weights."""

    def step(self, x):
        opt, _ = self.optimizers()
        value = self.a(x).square().mean()
        self.log("before", value)
        opt.minimize(value)
        self.log("later", self.a(x).square().mean())

    system = Two(step)
    trainer = setup(system, X)
    (a,) = numbers(system.a)
    trainer.fit(1, batch_size=None)
    np.testing.assert_allclose(trainer.history("before")[1], [np.mean((X @ a) ** 2)], rtol=1e-5)
    np.testing.assert_allclose(trainer.history("later")[1], [np.mean((X @ numbers(system.a)[0]) ** 2)], rtol=1e-5)
    assert trainer.history("later")[1] < trainer.history("before")[1]
    assert set(trainer.history) == {"before", "later"}


def test_gradients_of_several_losses_add_up():
    """Two manual_backward before one step are the gradient of the sum; zero_grad forgets; toggled ones are for one optimiser."""

    def step(self, x):
        first, second = self.optimizers()
        self.manual_backward(self.a(x).square().mean() * 100)
        first.zero_grad()
        second.zero_grad()
        self.manual_backward(self.a(x).square().mean())
        self.manual_backward(self.a(x).mean())
        first.step()
        self.toggle_optimizer(second)
        self.manual_backward(self.b(x).mean())
        self.untoggle_optimizer(second)
        second.step()

    system = Two(step)
    trainer = setup(system, X)
    a, b = numbers(system.a, system.b)
    trainer.fit(1, batch_size=None)
    np.testing.assert_allclose(numbers(system.a)[0], a - 0.1 * (X.T @ (X @ a) / 12 + X.T @ np.ones((12, 2)) / 24), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(numbers(system.b)[0], b - 0.1 * X.T @ np.ones((12, 1)) / 12, rtol=1e-5, atol=1e-6)


def test_one_model_may_be_stepped_several_times():
    """Three updates of a in one step (n_critic), by hand; the history names each turn's loss."""

    def step(self, x):
        opt, _ = self.optimizers()
        for _ in range(3):
            opt.minimize(self.a(x).square().mean())

    system = Two(step)
    trainer = setup(system, X)
    (a,) = numbers(system.a)
    trainer.fit(1, batch_size=None)
    for _ in range(3):
        a = a - 0.1 * X.T @ (X @ a) / 12
    np.testing.assert_allclose(numbers(system.a)[0], a, rtol=1e-5, atol=1e-6)
    assert set(trainer.history) == {"a_loss", "a_loss_2", "a_loss_3"}


def test_a_step_by_its_number_may_leave_a_turn_out():
    """The second model learns at every second minibatch only: by hand, and its loss is recorded at those steps."""

    class Every(Two):
        def training_step(self, batch, batch_idx):
            first, second = self.optimizers()
            first.minimize(self.a(batch).square().mean())
            if batch_idx % 2 == 1:
                second.minimize(self.b(batch).square().mean())

    system = Every(None)
    trainer = setup(system, X)
    (a,) = numbers(system.a)
    assert not system.b.built  # the first minibatch does not need it: it is made in the middle of the epoch
    trainer.fit(1, batch_size=3, shuffle=False)
    b = system.b.parameters.kernel.draw()
    for k in range(4):
        x = X[3 * k : 3 * k + 3]
        a = a - 0.1 * x.T @ (x @ a) / 3
        b = b - 0.1 * 2 * x.T @ (x @ b) / 3 if k % 2 else b
    np.testing.assert_allclose(numbers(system.a)[0], a, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(numbers(system.b)[0], b, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(trainer.history("a_loss")[0], [1, 2, 3, 4])
    np.testing.assert_array_equal(trainer.history("b_loss")[0], [2, 4])


def test_an_optimiser_of_your_own_binding():
    """Optimizer(opt, model) names its model; a single one is not in a list."""
    system = Two(lambda self, x: self.optimizers().minimize(self.b(x).mean()), lambda s: Optimizer(SGD(0.5), s.b))
    trainer = setup(system, X)
    a, b = numbers(system.a, system.b) if system.a.built else (None, *numbers(system.b))
    trainer.fit(1, batch_size=None)
    np.testing.assert_allclose(numbers(system.b)[0], b - 0.5 * X.T @ np.ones((12, 1)) / 12, rtol=1e-5)
    assert a is None
    assert not system.a.built


OTHER = Optimizer(SGD(), Dense(1))


@pytest.mark.parametrize(("step", "text"), [
    (lambda self, x: self.optimizers()[0].step(), "self.manual_backward"), (lambda self, x: OTHER.step(), "an optimiser of this system"),
    (lambda self, x: self.toggle_optimizer(None) or OTHER.zero_grad(), "an optimiser of this system"), (lambda self, x: self.manual_backward(self.a(x)), "one number for the batch"),
    (lambda self, x: self.manual_backward(None), "a tensor of this step"), (lambda self, x: self.manual_backward(self.a(x).mean()), "a step\\(\\) for every manual_backward"),
])  # fmt: skip
def test_what_a_manual_step_may_not_do(step, text):
    """Each error says what to do."""
    with pytest.raises(PhotonError, match=text):
        setup(Two(step), X)


def test_manual_steps_need_a_system_that_says_so():
    """In an automatic system a manual step is an error and not done twice."""

    class Automatic(Two):
        automatic_optimization = True

    def step(self, x):
        value = self.a(x).mean()
        self.optimizers()[0].minimize(value)
        return value

    with pytest.raises(PhotonError, match="automatic_optimization = False"):
        setup(Automatic(step), X)
    with pytest.raises(PhotonError, match="a system that has optimisers"):
        setup(Two(lambda self, x: self.optimizers(), lambda s: None), X)


# ---- GANs ----------------------------------------------------------------------------------------------------------------


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def linear_gan(**options):
    """A GAN of two matrices: G is 3 -> 2, D 2 -> 1."""
    return GANSystem(Dense(2, use_bias=False), Dense(1, use_bias=False), latent=3, **options)


class Plain(GANSystem):
    """With SGD, so that steps are easy by hand."""

    def configure_optimizer(self):
        """A rate for each."""
        return [SGD(0.5), SGD(0.25)]


def test_a_gan_step_is_the_one_by_hand():
    """D: -log D(x) - log(1 - D(G(z))); then G: -log D(G(z)) at the new D (the non-saturating loss, on logits)."""
    system = Plain(models=[Dense(2, use_bias=False), Dense(1, use_bias=False)], latent=3)
    trainer = setup(system, (X, Z))
    g, d = numbers(system.generator, system.discriminator)
    trainer.fit(1, batch_size=None)
    fake = Z @ g
    d_loss = np.mean(np.log1p(np.exp(-X @ d))) + np.mean(np.log1p(np.exp(fake @ d)))
    d = d - 0.25 * (X.T @ (sigmoid(X @ d) - 1) + fake.T @ sigmoid(fake @ d)) / 12
    g_loss = np.mean(np.log1p(np.exp(-fake @ d)))
    g = g - 0.5 * Z.T @ ((sigmoid(fake @ d) - 1) / 12 @ d.T)
    np.testing.assert_allclose(numbers(system.discriminator)[0], d, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(numbers(system.generator)[0], g, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose([trainer.history.epochs[0][f"{n}_loss"] for n in ("discriminator", "generator")], [d_loss, g_loss], rtol=1e-5)


@pytest.mark.parametrize("moves", ["generator", "discriminator"])
def test_a_turn_moves_one_model_only(moves):
    """With a rate of 0 for the other one: it stays bit-equal while this one moves, also with Adam's state and engine's noise."""

    class One(GANSystem):
        def training_step(self, batch):
            of = dict(zip(("generator", "discriminator"), self.optimizers(), strict=True))
            z = self._drawn(batch)
            loss = self.generator_loss(z) if moves == "generator" else self.discriminator_loss(batch, z)
            of[moves].minimize(loss)

    system = One(Sequential(Dense(8, relu), Dense(2)), Sequential(Dense(8, relu), Dense(1)), latent=3)
    trainer = setup(system, X)
    system.sample(1)
    system.discriminator(X)
    before = {path: p.value.copy() for path, p in system.parameters.items()}
    assert len(before) == 8
    trainer.fit(2, batch_size=4)
    for path, p in system.parameters.items():
        if path.startswith(moves):
            assert (p.value != before[path]).any(), path
        else:
            np.testing.assert_array_equal(p.value, before[path])


def test_noise_of_the_engine_is_normal_and_new():
    """Mean 0 and deviation 1 over many samples; another draw at each step; the seed repeats it."""

    class Looks(MLSystem):
        def __init__(self):
            self.gan = linear_gan().generator
            self.draw = linear_gan()

        def training_step(self, batch):
            z = self.draw._drawn(batch)
            self.log_dict({"mean": z.mean(), "square": z.square().mean(), "width": z.sum() * 0 + z.shape[1]})
            return self.gan(z).mean()

        def configure_optimizer(self):
            return SGD(0.0)

    runs = [setup(Looks(), np.zeros((20000, 2)), seed=5).fit(2, batch_size=None) for _ in range(2)]
    means, squares = runs[0].history("mean")[1], runs[0].history("square")[1]
    assert np.abs(means).max() < 0.02
    assert np.abs(squares - 1).max() < 0.05
    assert means[0] != means[1]
    np.testing.assert_array_equal(means, runs[1].history("mean")[1])
    np.testing.assert_array_equal(runs[0].history("width")[1], [3, 3])


def test_a_gan_learns_a_distribution():
    """Real samples around (3, -1): after training the generator's mean is near there, which it was not before."""
    real = (RANDOM.normal(size=(512, 2)) * 0.3 + [3, -1]).astype("float32")
    system = GANSystem(Sequential(Dense(16, relu), Dense(2)), Sequential(Dense(16, relu), Dense(1)), latent=3, lr=5e-3)
    trainer = setup(system, real)
    before = np.abs(system.sample(500, seed=1).mean(0) - [3, -1]).max()
    trainer.fit(40, batch_size=64)
    after = np.abs(system.sample(500, seed=1).mean(0) - [3, -1]).max()
    assert after < 0.6 < before
    assert trainer.predict(Z).shape == (12, 2)
    np.testing.assert_array_equal(system.sample(4, seed=3), system.sample(4, seed=3))


def test_validation_of_a_gan_takes_given_noise():
    """Both losses and their sum; without noise nothing is measured. MSE makes a least-squares GAN."""
    system = linear_gan(loss=MSE())
    trainer = setup(system, (X, Z), (X[:5], Z[:5]))
    found = trainer.validate()
    np.testing.assert_allclose(found["val_loss"], found["val_discriminator_loss"] + found["val_generator_loss"], rtol=1e-6)
    g, d = numbers(system.generator, system.discriminator)
    np.testing.assert_allclose(found["val_generator_loss"], np.mean((Z[:5] @ g @ d - 1) ** 2), rtol=1e-5)
    assert trainer.validate(X) == {}


@pytest.mark.parametrize(("make", "text"), [
    (lambda: GANSystem(Dense(2), Dense(1), latent=0), "latent="), (lambda: GANSystem(Dense(2)), "latent"), (lambda: GANSystem(Dense(2), latent=3), "models"),
    (lambda: GANSystem(models=[Dense(2)], latent=3), "generator and discriminator"), (lambda: setup(linear_gan(), (X, X)), r"\(batch, 3\), received \(batch, 2\)"),
    (lambda: setup(linear_gan(), {"real": X, "labels": X}), "'labels'"), (lambda: setup(linear_gan(), [(X, Z, X)]), "3 arrays"), (lambda: linear_gan().sample(0), "from 1"),
])  # fmt: skip
def test_what_a_gan_refuses(make, text):
    """Each error says what was expected."""
    with pytest.raises(PhotonError, match=text):
        make()


def test_adam_of_a_gan_is_configured_by_name():
    """lr and beta1 reach both optimisers, in the order generator, discriminator."""
    trainer = setup(linear_gan(lr=0.01, beta1=0.3), X)
    assert [(type(o), o.lr, o.beta1) for o in trainer.optimizers] == [(Adam, 0.01, 0.3)] * 2
    assert [c.name for c in trainer.configured] == ["generator", "discriminator"]
