"""Models and systems: forward and loss as generic functions, the loss of a system as the sum of its models', gradients by path."""

import numpy as np
import pytest

from pyphoton import MAE, MSE, Dense, MissingMethod, PhotonError, Sequential, relu
from pyphoton.systems import MLModel, MLObject, MLSystem, detach, forward, gradients, loss

RANDOM = np.random.default_rng(3)
X, Y = RANDOM.normal(size=(6, 3)), RANDOM.normal(size=(6, 1))


class Line(MLModel):
    """A dense layer with a loss of its own."""

    def __init__(self):
        self.dense = Dense(1)

    def forward(self, x):
        """The line."""
        return self.dense(x)

    def loss(self, batch):
        """Squares."""
        x, y = batch
        return MSE()(self(x), y)


class Body(MLModel):
    """A body whose forward and loss are registered below."""

    def __init__(self):
        self.body = Sequential(Dense(4, relu), Dense(1))


@forward.register(Body)
def twice(model, x):
    """Two times the body."""
    return model.body(x) * 2


@loss.register(Body)
def distance(model, batch):
    """Distances."""
    x, y = batch
    return MAE()(model(x), y)


def by_hand(model, x):
    """What a Line computes, in NumPy."""
    return x @ model.dense.parameters.kernel.value + model.dense.parameters.bias.value


def test_a_model_that_is_called_is_its_forward():
    """model(x), forward(model, x) and the formula are the same, for a method and for a registered function."""
    line, body = Line(), Body()
    np.testing.assert_allclose(line(X), forward(line, X), rtol=0)
    np.testing.assert_allclose(line(X), by_hand(line, X), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(forward(body, X), 2 * body.body(X), rtol=1e-6)
    np.testing.assert_allclose(body(X), forward(body, X), rtol=0)


def test_the_nearest_class_decides():
    """By the MRO: a function registered for a subclass wins over the method of its base, a method over what a base has registered."""

    class Shifted(Line):
        pass

    class Method(Body):
        def forward(self, x):
            return self.body(x)

    @forward.register(Shifted)
    def shifted(model, x):
        return model.dense(x) + 1

    model, other = Shifted(), Method()
    np.testing.assert_allclose(model(X), by_hand(model, X) + 1, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(other(X), other.body(X), rtol=1e-6)
    assert issubclass(MLSystem, MLObject)
    assert issubclass(MLModel, MLObject)


def test_a_type_without_forward_or_loss_is_named():
    """MissingMethod is NotImplementedError and PhotonError, names the type and shows what to write."""

    class ResNet(MLModel):
        pass

    for call, text in ((lambda: ResNet()(X), "forward"), (lambda: forward(ResNet(), X), "forward"), (lambda: loss(ResNet(), (X, Y)), "loss")):
        with pytest.raises(MissingMethod, match=rf"ResNet.*method {text}.*@{text}.register\(ResNet\)") as caught:
            call()
        assert isinstance(caught.value, NotImplementedError)
        assert isinstance(caught.value, PhotonError)
    with pytest.raises(MissingMethod, match="float: expected a method forward"):
        forward(2.0, X)


def test_the_loss_of_a_model_is_a_number_and_changes_nothing():
    """By hand to 1e-6; the weights are bit-equal afterwards."""
    line = Line()
    before = [w.copy() for w in (line(X), *[p.value for p in line.parameters.values()])]
    value = loss(line, (X, Y))
    assert isinstance(value, float)
    np.testing.assert_allclose(value, np.mean((by_hand(line, X) - Y) ** 2), rtol=1e-5)
    for a, b in zip(before[1:], line.parameters.values(), strict=True):
        np.testing.assert_array_equal(a, b.value)


@pytest.mark.parametrize("named", [False, True])
def test_the_loss_of_a_system_is_the_sum_over_its_models(named):
    """Of none it is 0, of one the model's, of three the sum to 1e-6; models by list or by name."""
    models = [Line(), Body(), Line()]
    system = MLSystem(dict(zip("abc", models, strict=True)) if named else models)
    np.testing.assert_allclose(loss(system, (X, Y)), sum(loss(m, (X, Y)) for m in models), rtol=1e-6)
    np.testing.assert_allclose(loss(MLSystem(models[:1]), (X, Y)), loss(models[0], (X, Y)), rtol=1e-6)
    assert loss(MLSystem([]), (X, Y)) == 0


def test_the_loss_of_a_system_may_be_overridden():
    """By a method of the system, or by a registered function, which the models' own losses do not reach."""

    class Weighted(MLSystem):
        def loss(self, batch):
            return 2 * loss(self.models[0], batch) + 0.5 * loss(self.models[1])

    class Registered(MLSystem):
        pass

    @loss.register(Registered)
    def first(system, batch):
        return loss(system.models[0], batch)

    models = [Line(), Body()]
    values = [loss(m, (X, Y)) for m in models]
    np.testing.assert_allclose(loss(Weighted(models), (X, Y)), 2 * values[0] + 0.5 * values[1], rtol=1e-6)  # loss(model): of the running batch
    with pytest.raises(PhotonError, match="loss: expected a batch"):
        loss(models[0])
    np.testing.assert_allclose(loss(Registered(models), (X, Y)), values[0], rtol=1e-6)


def test_gradients_of_a_system_are_by_path_and_those_of_each_model():
    """Paths begin with the model's name; for a Line they are those by hand; the sum's gradient is each model's own."""
    line, body = Line(), Body()
    system = MLSystem({"line": line, "body": body})
    found = gradients(system, (X, Y))
    assert found.keys() == ("line.dense.kernel", "line.dense.bias", "body.body.0.kernel", "body.body.0.bias", "body.body.1.kernel", "body.body.1.bias")
    error = by_hand(line, X) - Y
    np.testing.assert_allclose(found["line.dense.kernel"], 2 / 6 * X.T @ error, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["line.dense.bias"], [2 * error.mean()], rtol=1e-4, atol=1e-6)
    for path, gradient in gradients(body, (X, Y)).items():
        np.testing.assert_allclose(found[f"body.{path}"], gradient, rtol=1e-5, atol=1e-7)


def test_models_may_share_layers():
    """A shared layer has one set of weights, whose gradient is the sum of both models'."""
    shared = Dense(1)

    class Uses(MLModel):
        def __init__(self, sign):
            self.sign, self.dense = sign, shared

        def forward(self, x):
            return self.dense(x) * self.sign

        def loss(self, batch):
            return MSE()(self(batch[0]), batch[1])

    a, b = Uses(1.0), Uses(-1.0)
    system = MLSystem({"a": a, "b": b})
    found = gradients(system, (X, Y))
    assert found.keys() == ("a.dense.kernel", "a.dense.bias")
    parts = [gradients(m, (X, Y))["dense.kernel"] for m in (a, b)]
    np.testing.assert_allclose(found["a.dense.kernel"], parts[0] + parts[1], rtol=1e-5, atol=1e-6)


def test_a_core_layer_stands_as_a_model():
    """A system of one layer is that layer where it is called; its parameters' paths begin with the attribute's name."""

    class Plain(MLSystem):
        def __init__(self):
            self.net = Dense(2)

        def loss(self, batch):
            return MSE()(self(batch["x"]), batch["y"])

    system = Plain()
    batch = {"x": X, "y": np.zeros((6, 2))}
    np.testing.assert_allclose(system(X), system.net(X), rtol=0)
    np.testing.assert_allclose(loss(system, batch), np.mean(system.net(X) ** 2), rtol=1e-5)
    assert list(system.parameters) == ["net.kernel", "net.bias"]
    assert gradients(system, batch).keys() == ("net.kernel", "net.bias")


def test_detach_hands_on_the_numbers_and_no_gradient():
    """loss = mean(detach(p) p) has the gradient of mean(c p) with c = p; without detach it is twice that."""

    class Squared(MLSystem):
        def __init__(self, net, cut):
            self.net, self.cut = net, cut

        def loss(self, batch):
            p = self.net(batch)
            return (self.cut(p) * p).mean()

    net = Dense(1, use_bias=False)
    whole, cut, method = Squared(net, lambda p: p), Squared(net, detach), Squared(net, lambda p: p.detach())
    np.testing.assert_allclose(loss(cut, X), loss(whole, X), rtol=1e-6)
    np.testing.assert_allclose(2 * gradients(cut, X)["net.kernel"], gradients(whole, X)["net.kernel"], rtol=1e-5)
    np.testing.assert_array_equal(gradients(method, X)["net.kernel"], gradients(cut, X)["net.kernel"])
    np.testing.assert_array_equal(detach(X), X)


def test_a_layer_on_arrays_inside_of_a_step_is_refused():
    """It would give the same numbers for ever, and learn nothing: noise of Python's in a GAN's step, say."""

    class Frozen(MLSystem):
        def __init__(self):
            self.net = Dense(1)

        def loss(self, batch):
            return self.net(batch).mean() + self.net(np.ones((2, 3))).mean()

    with pytest.raises(PhotonError, match=r"Dense\(1\): expected a tensor of the model that is traced, received arrays only"):
        loss(Frozen(), X)


SAME = Dense(1)


@pytest.mark.parametrize(("models", "text"), [
    ([Dense], "Write Dense"), ([SAME, SAME], "each model once"), ([3], "a layer"), ({"a b": Dense(1)}, "names like those of variables"), (Dense(1), None), ([None], "None"), ({"a": None}, r"models\['a'\]"),
])  # fmt: skip
def test_models_that_are_none_are_refused(models, text):
    """The error says which one; a single model is a list of one."""
    if text is None:
        assert len(MLSystem(models).models) == 1
        return
    with pytest.raises(PhotonError, match=text):
        MLSystem(models)


@pytest.mark.parametrize(("batch", "text"), [
    ((X, None), r"batch\[1\]: expected an array of numbers, received None"), ((X, "label"), r"batch\[1\]"), ({"x": X, "y": {"z": ["a", "b"]}}, r"batch\['y'\]\['z'\]"),
    ((X, Y[:2]), "as many samples"), ((), "an array, or a tuple"), ((X, 3.0), "a batch axis"), (None, "a batch"),
])  # fmt: skip
def test_a_batch_that_is_none_is_refused(batch, text):
    """The error names the place in the batch."""
    with pytest.raises(PhotonError, match=text):
        loss(Line(), batch)


@pytest.mark.parametrize(("wrong", "text"), [
    (lambda: forward.register(3), "a class"), (lambda: forward.register(Dense), "derived from MLObject"), (lambda: loss.register(Line)(5), "a function"),
    (lambda: gradients(3, X), "a system or model"),
])  # fmt: skip
def test_wrong_registrations_are_refused(wrong, text):
    """Each error says what was expected."""
    with pytest.raises(PhotonError, match=text):
        wrong()


def test_a_loss_that_is_no_number_is_refused():
    """Shapes and other objects are shown."""

    class Bad(MLSystem):
        def __init__(self, value):
            self.net, self.value = Dense(2), value

        def loss(self, batch):
            return self.value(self.net(batch))

    with pytest.raises(PhotonError, match="one number for the batch, received"):
        loss(Bad(lambda p: p), X)
    with pytest.raises(PhotonError, match=r"Bad.loss: expected a loss that is a tensor, received 'text'"):
        loss(Bad(lambda p: "text"), X)
