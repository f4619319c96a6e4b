"""The zoo against torchvision: every name, shape and count, scores for the same weights, training, and files."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from zoo_numbers import MODELS, RATE, TRAINED, image, lesson, weight

from pyphoton import (
    SGD,
    VGG11,
    AlexNet,
    ArgumentError,
    CrossEntropyLoss,
    DenseNet121,
    ResNet18,
    ShapeError,
    Workout,
    fit_,
    history,
    load,
    load_state_dict_,
    predict,
    save,
    summary,
    to_state_dict,
    trace,
    zoo,
)
from pyphoton.interop.torch_layout import slots
from pyphoton.plan import plan
from pyphoton.tensor import Tensor

GOLDEN = Path(__file__).parents[1] / "golden" / "zoo"
WHOLE = ("AlexNet", "VGG11", "DenseNet121", "ResNet18", "ResNet50")
SMALL = ("VGG16-plain", "DenseNet161", "DenseNet169", "DenseNet201", "ResNet34", "ResNet101")


def golden(name):
    """What torchvision said: the number of parameters, names and shapes, scores."""
    found = json.loads((GOLDEN / f"{name}.json").read_text("utf-8"))
    found["state"] = {key: tuple(int(n) for n in text.split("x")) for key, text in found["state"].items()}
    return found


def model_of(name, **options):
    """PyPhoton's model for the name of a golden file."""
    base, _, plain = name.partition("-")
    return getattr(zoo, base)(**({"batch_norm": False} if plain else {}), **options)


def planned(model, size=64):
    """The plan of a model for images of a size: nothing is drawn."""
    return plan(trace(model, Tensor((None, 3, size, size))), "float32")


def numbers(state):
    """The weights for all names of a state."""
    return {name: weight(name, shape) for name, shape in state.items()}


def close(found, wanted):
    """Equal up to 1e-4 of the largest score."""
    assert found.shape == (1, 1000)
    assert np.abs(found[0, :10] - wanted).max() <= 1e-4 * np.abs(wanted).max()


@pytest.mark.parametrize("name", MODELS)
def test_names_shapes_and_counts_are_torchvisions(name):
    """Each parameter has torchvision's name and shape in torch, none is missing, and as many numbers are trained."""
    made = planned(model_of(name))
    wanted = golden(name)
    found = {}
    for step in made.steps:
        for slot in slots(step.op, step.params):
            path = step.params[slot.ours]
            found[f"{path.rpartition('.')[0]}.{slot.theirs[0]}"] = slot.shape(made.params[path].shape)
    assert found == wanted["state"]
    assert sum(math.prod(p.shape) for p in made.params.values() if p.role == "weight") == wanted["parameters"]


def test_counts_are_the_published_ones():
    """The golden files themselves have the numbers of parameters that the papers' models are known by."""
    known = {"ResNet18": 11_689_512, "ResNet50": 25_557_032, "VGG11": 132_868_840, "VGG16-plain": 138_357_544, "AlexNet": 61_100_840, "DenseNet121": 7_978_856}
    assert {name: golden(name)["parameters"] for name in known} == known


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_scores_of_whole_images_are_torchvisions(name):
    """With the same weights an image of 224 x 224 gets torchvision's scores: paddings, poolings, epsilons, order of layers."""
    model, wanted = model_of(name), golden(name)
    loaded = load_state_dict_(model, numbers(wanted["state"]), input_shape=(3, 224, 224))
    assert (loaded.matched, loaded.kept, loaded.unused) == ("names", (), ())
    close(model(image(224)), wanted["scores"]["224"])


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_scores_of_small_images_are_torchvisions(name):
    """The other members of the families, with images of 64 x 64."""
    model, wanted = model_of(name), golden(name)
    load_state_dict_(model, numbers(wanted["state"]), input_shape=(3, 64, 64))
    close(model(image(64)), wanted["scores"]["64"])


def test_scores_on_numpy_are_torchvisions():
    """The reference backend computes the same ResNet18, and its own weights go out as they came in."""
    wanted = golden("ResNet18")
    workout = Workout(ResNet18(), "mse", backend="numpy")
    given = numbers(wanted["state"])
    load_state_dict_(workout, given, input_shape=(3, 64, 64))
    close(predict(workout, image(64)), wanted["scores"]["64"])
    back = to_state_dict(workout)
    assert [n for n in back if not n.endswith("num_batches_tracked")] == list(given)
    assert all(np.array_equal(back[name].numpy(), value) for name, value in given.items())


@pytest.mark.parametrize("name", TRAINED)
def test_training_is_torchvisions(name, float64):
    """Three steps of gradient descent from the same weights have torchvision's losses, and leave its running statistics."""
    wanted = golden(name)
    workout = Workout(model_of(name), CrossEntropyLoss(use_softmax=True), SGD(RATE))
    load_state_dict_(workout, numbers(wanted["state"]), input_shape=(3, 64, 64))
    images, classes = lesson()
    fit_(workout, [(images, classes)], epochs=3)
    np.testing.assert_allclose(history(workout, "loss")[1], wanted["training"]["losses"], rtol=1e-7)
    np.testing.assert_allclose(predict(workout, images[:1])[0, :10], wanted["training"]["scores"], rtol=1e-6)


SMALLEST = {
    "AlexNet": lambda: AlexNet(3, dropout=0),
    "VGG11": lambda: VGG11(3, dropout=0),
    "DenseNet121": lambda: DenseNet121(3),
    "ResNet18": lambda: ResNet18(3),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALLEST)
def test_a_step_of_training_lowers_the_loss(name):
    """One step of gradient descent on six images lowers their loss."""
    images = np.concatenate([image(64 + 6 * i)[:, :, :64, :64] for i in range(6)])
    workout = Workout(SMALLEST[name](), CrossEntropyLoss(use_softmax=True), SGD(0.001), seed=1)
    fit_(workout, [(images, np.arange(6) % 3)], epochs=2)
    _, (before, after) = history(workout, "loss")
    assert after < before


@pytest.mark.parametrize("name", MODELS)
def test_the_output_has_a_score_per_class(name):
    """(N, 3, 224, 224) gives (N, classes), as Photon's own tests ask."""
    assert planned(model_of(name, classes=500), 224).steps[-1].shapes == ((None, 500),)


def test_initial_values_are_torchvisions():
    """The deviation of first kernels: He with the outputs for ResNet, with the inputs for DenseNet; torch's uniform for the scores."""
    for model, first, deviation in ((ResNet18(), "conv1", math.sqrt(2 / (64 * 49))), (DenseNet121(), "features.conv0", math.sqrt(2 / (3 * 49)))):
        summary(model, (3, 64, 64))
        values = model.parameters[f"{first}.kernel"].value
        assert abs(values.std() / deviation - 1) < 0.03  # of 9408 numbers: four standard errors
        assert abs(values).max() > 3 * deviation  # a normal one, not uniform
    scores = model.parameters["classifier.kernel"].value
    assert 0.99 / math.sqrt(1024) < abs(scores).max() <= 1 / math.sqrt(1024)
    assert not model.parameters["classifier.bias"].value.any()


def test_any_size_of_image_will_do():
    """Adaptive and global pooling take images of other sizes, and of uneven sides."""
    model = ResNet18(5)
    assert model(np.zeros((2, 3, 64, 64), "float32")).shape == (2, 5)
    assert model(np.zeros((1, 3, 70, 47), "float32")).shape == (1, 5)
    small = summary(AlexNet(7), (3, 63, 63))
    assert small.rows[-1].shape == (None, 7)
    with pytest.raises(ShapeError, match=re.escape("features.")):
        summary(AlexNet(7), (3, 40, 40))


def test_bn_size_and_dropout_of_densenet():
    """`bn_size` is the width of the 1x1 convolutions, and dropout stands behind each layer's last convolution."""
    made = planned(DenseNet121(10, bn_size=2, dropout=0.25))
    assert made.params["features.denseblock1.denselayer1.conv1.kernel"].shape == (64, 64, 1, 1)
    assert made.params["features.denseblock1.denselayer1.conv2.kernel"].shape == (32, 64, 3, 3)
    drops = [s for s in made.steps if s.op == "dropout"]
    assert len(drops) == 6 + 12 + 24 + 16
    assert {s.attrs["rate"] for s in drops} == {0.25}
    sources = [made.steps[i - 1] for i, s in enumerate(made.steps) if s.op == "dropout"]
    assert all(s.op == "conv" and s.path.endswith("conv2") for s in sources)
    assert [s for s in planned(DenseNet121()).steps if s.op == "dropout"] == []


def test_batch_norm_of_vgg_is_the_default():
    """Photon's default has normalisations, torchvision's plain VGG has none."""
    assert sum(s.op == "batch_norm" for s in planned(VGG11()).steps) == 8
    assert sum(s.op == "batch_norm" for s in planned(VGG11(batch_norm=False)).steps) == 0


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ResNet18(0), "ResNet18: expected classes: a whole number above 0, received 0"),
        (lambda: AlexNet("10"), "AlexNet: expected classes: a whole number above 0, received '10'"),
        (lambda: VGG11(True), "VGG11: expected classes"),
        (lambda: DenseNet121(10, bn_size=0), "DenseNet121: expected bn_size: a whole number above 0, received 0"),
        (lambda: DenseNet121(dropout=2), "Dropout: expected rate from 0 to 1, received 2"),
        (lambda: VGG11(batchnorm=False), "VGG11: expected arguments classes, batch_norm, dropout, received batchnorm="),
    ],
)
def test_wrong_arguments_are_refused(make, text):
    """What a model cannot have is refused where it is written, with the model's name."""
    with pytest.raises(ArgumentError, match=re.escape(text)):
        make()


def test_a_model_of_the_zoo_is_saved_and_loaded(tmp_path):
    """A ResNet goes into a file as a description of layers and comes back with its weights."""
    model = ResNet18(4)
    before = model(image(64))
    again = load(save(model, tmp_path / "resnet.safetensors"))
    assert np.array_equal(again(image(64)), before)
    assert repr(again) == repr(model)


def test_another_number_of_classes_is_refused_unless_the_layer_is_skipped():
    """Weights for 1000 classes do not fit 5: the layer is named, nothing is changed; `skip` loads all the others."""
    given = numbers(golden("ResNet18")["state"])
    model = ResNet18(5)
    model(image(64))
    before = {name: value.clone() for name, value in to_state_dict(model).items()}
    with pytest.raises(ShapeError, match=re.escape("fc.weight: expected an array of shape (5, 512), received (1000, 512).")):
        load_state_dict_(model, given)
    assert all(bool((value == before[name]).all()) for name, value in to_state_dict(model).items())
    loaded = load_state_dict_(model, given, skip=("fc",))
    assert loaded.kept == loaded.unused == ("fc.weight", "fc.bias")
    after = to_state_dict(model)
    assert bool((after["fc.weight"] == before["fc.weight"]).all())
    assert all(np.array_equal(after[name].numpy(), value) for name, value in given.items() if not name.startswith("fc."))


def test_densenets_first_published_names_are_read():
    """The files of 2017 write "norm.1" for "norm1" and have no counters: they are taken in order."""
    given = numbers(golden("DenseNet121")["state"])
    old = {re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", name): value for name, value in given.items()}
    assert sum(a != b for a, b in zip(old, given, strict=True)) == 58 * 10
    model = DenseNet121()
    assert load_state_dict_(model, old, input_shape=(3, 64, 64)).matched == "order"
    close(model(image(64)), golden("DenseNet121")["scores"]["64"])
