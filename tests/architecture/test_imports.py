"""What `import pyphoton` gives and costs: public names that exist, are sorted and explained, and no engine loaded."""

import inspect
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import pyphoton
from pyphoton.description import Description

PACKAGE = Path(pyphoton.__file__).parent
MOST_SECONDS = 0.15


def python(code, *options):
    """What a fresh Python prints when it runs this code."""
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    return subprocess.run([sys.executable, *options, "-c", code], env=environment, check=True, capture_output=True, text=True, timeout=120).stdout


@pytest.mark.parametrize("name", pyphoton.__all__)
def test_public_names_exist_and_are_explained(name):
    """Every name of __all__ can be had and has a docstring of its own."""
    value = getattr(pyphoton, name)
    text = inspect.getdoc(value) if callable(value) else inspect.getdoc(type(value))
    assert text
    assert len(text.split()) >= 3
    assert not inspect.ismodule(value)


def test_public_names_are_sorted_and_named_once():
    """__all__ is sorted without regard to case, has no name twice, and none that begins with an underscore."""
    assert list(pyphoton.__all__) == sorted(pyphoton.__all__, key=str.lower)
    assert len(set(pyphoton.__all__)) == len(pyphoton.__all__)
    assert [name for name in pyphoton.__all__ if name.startswith("_")] == []
    assert set(pyphoton.__all__) <= set(dir(pyphoton))


@pytest.mark.parametrize("module", ["layers", "losses", "metrics", "optimisers", "initialisers", "errors"])
def test_no_public_class_is_forgotten(module):
    """Every class that a user would look for in these modules is at the top level, under its own name."""
    found = import_module(f"pyphoton.{module}")
    kind = Exception if module == "errors" else Description
    submodules = [import_module(f"pyphoton.layers.{p.stem}") for p in (PACKAGE / "layers").glob("*.py")] if module == "layers" else [found]
    classes = {
        n: c
        for m in submodules
        for n, c in vars(m).items()
        if inspect.isclass(c) and issubclass(c, kind) and c.__module__ == m.__name__ and not n.startswith("_")
    }
    assert len(classes) >= 3
    internal = {"Gates", "Given", "NormalNoise"}  # made by recurrent layers; the arrays that a net was given; the step of the noise layers of pyphoton.keras
    assert {n for n in classes if n not in internal and getattr(pyphoton, n, None) is not classes[n]} == set()
    assert set(classes) - internal <= set(pyphoton.__all__)


def test_names_of_the_issue_are_public():
    """The names that the source texts and the issue write are all there."""
    wanted = """
    Sequential Concurrent Residual SkipConnection Dense Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose MaxPool AvgPool
    MaxPool1D MaxPool2D MaxPool3D AvgPool1D AvgPool2D AvgPool3D AdaptiveAvgPool AdaptiveMaxPool GlobalAvgPool GlobalMaxPool RNN LSTM GRU Dropout
    BatchNorm LayerNorm Embedding Flatten Reshape Activation Softmax LogSoftmax output_size relu MSE MSELoss L2Loss MAELoss L1Loss LNLoss
    PseudoHuberLoss BCELoss CrossEntropyLoss HingeLoss SquaredHingeLoss FocalLoss nll accuracy BinaryAccuracy OneHotBinaryAccuracy SGD Momentum
    Nesterov Adagrad Rmsprop Adadelta Adam ADAM AdamW Adamax Workout fit_ step_ validate evaluate predict gradients history hasmetric
    getmetricvalue freeze_ unfreeze_ stop identity summary plot_history plot_model save load weights weights_ seed_ set_context get_context
    reset_context get_backend PhotonError ConsoleMeter SilentMeter FileMeter TensorBoardMeter PlotMeter EpochSave AutoSave EarlyStop LambdaCallback
    throttle add add_ getmetricname hasgpu KorA batchfirst batchlast mse mae bce_loss plotmetrics
    """.split()
    assert [name for name in wanted if name not in pyphoton.__all__] == []


def test_star_import_gives_exactly_the_public_names():
    """`from pyphoton import *` gives every name of __all__, no module, and hides no builtin."""
    code = (
        "import builtins, inspect\n"
        "from pyphoton import *\n"
        "import pyphoton\n"
        "here = {n for n in globals() if not n.startswith('__')} - {'builtins', 'inspect', 'pyphoton'}\n"
        "assert here == set(pyphoton.__all__), here ^ set(pyphoton.__all__)\n"
        "assert not [n for n in here if inspect.ismodule(globals()[n])]\n"
        "print(sorted(here & set(dir(builtins))))\n"
    )
    assert python(code) == "[]\n"


def test_modules_do_not_hide_public_names():
    """No module of the package is named like a public name: importing one would put it in the other's place."""
    modules = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert modules & set(pyphoton.__all__) == set()


def test_unknown_names_are_attribute_errors():
    """A name that is not there is Python's AttributeError, so hasattr and tools work."""
    assert not hasattr(pyphoton, "Denze")
    with pytest.raises(AttributeError, match="'pyphoton' has no attribute 'Denze'"):
        pyphoton.Denze  # noqa: B018


def test_import_loads_no_engine_and_no_numpy():
    """`import pyphoton` loads neither torch nor Julia nor NumPy nor anything else that is heavy."""
    heavy = ("torch", "juliacall", "juliapkg", "numpy", "matplotlib", "keras", "sklearn", "tqdm", "safetensors", "tensorboard")
    code = f"import sys, pyphoton; print([m for m in {heavy!r} if m in sys.modules])"
    assert python(code) == "[]\n"


def test_describing_a_model_loads_no_engine():
    """Layers, losses, optimisers, plans and a workout are made without torch; only running loads it."""
    code = (
        "import sys, pyphoton as pp\n"
        "m = pp.Sequential(pp.Dense(3, pp.relu), pp.Dense(2))\n"
        "pp.trace(m, pp.graph.Tensor((None, 4)))\n"
        "pp.Workout(m, pp.MSE(), pp.Adam(), metrics=[pp.accuracy()])\n"
        "print('torch' in sys.modules)\n"
    )
    assert python(code) == "False\n"


def test_numpy_backend_predicts_without_torch():
    """Prediction and evaluation with backend numpy never load torch."""
    code = (
        "import sys, numpy as np, pyphoton as pp\n"
        "w = pp.Workout(pp.Sequential(pp.Dense(3), pp.BatchNorm()), 'mse', backend='numpy')\n"
        "print(w.predict(np.ones((2, 4))).shape, list(w.evaluate((np.ones((2, 4)), np.ones((2, 3))))), 'torch' in sys.modules)\n"
    )
    assert python(code) == "(2, 3) ['loss'] False\n"


def test_import_is_quick():
    """`import pyphoton` takes at most 0.15 s: the best of five fresh processes."""
    code = "from time import perf_counter as now; t = now(); import pyphoton; print(now() - t)"
    assert min(float(python(code)) for _ in range(5)) <= MOST_SECONDS
