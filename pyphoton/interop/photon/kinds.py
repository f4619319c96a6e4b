"""The types that a workout of Photon.jl 0.9 is made of, and their fields in order: a file names a type, and then has the fields' values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Kind:
    """A type: its fields; whether it has parameters, as Array{Float32, 2}; NumPy's type of one that is kept as plain bytes in arrays."""

    fields: tuple[str, ...] = ()
    parametric: bool = False
    bits: str | None = None


@dataclass(frozen=True)
class Type:
    """A type as a file names it: the modules that it stands in, its name and its parameters."""

    module: tuple[str, ...]
    name: str
    parameters: tuple[Any, ...] = ()

    @property
    def is_function(self) -> bool:
        """Whether its one value is a function that has a name."""
        return self.name.startswith("#") and self.name[1:2] not in ("", "#") and not self.name[1].isdigit() and "#" not in self.name[1:]

    def __str__(self) -> str:
        return ".".join((*self.module, self.name))


@dataclass(eq=False)
class Struct:
    """A value of a type with fields."""

    type: Type
    fields: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    def is_a(self, *names: str) -> bool:
        """Whether it is of one of these types of Photon's, Knet's or AutoGrad's."""
        return self.type.name in names


@dataclass(frozen=True)
class Function:
    """A function that a file names."""

    module: tuple[str, ...]
    name: str

    def __str__(self) -> str:
        return ".".join((*self.module, self.name))


def _kind(fields: str = "", **options: Any) -> Kind:
    return Kind(tuple(fields.split()), **options)


_CONVOLUTION = _kind("channels kernel_size activation padding strides dilation built use_bias init params")
_WHOLE = _kind("features output")
_PARAMETRIC = _kind(parametric=True)

PHOTON = {
    "Workout": _kind("model loss opt metrics history steps epochs mover"),
    "SmartReducer": _kind("state momentum"),
    "Dense": _kind("units activation use_bias name built init params"),
    "Conv": _CONVOLUTION, "ConvTranspose": _CONVOLUTION,
    "AvgPool": _kind("pool_size padding strides"), "MaxPool": _kind("pool_size padding strides nanOpt"),
    "AdaptiveAvgPool": _kind("output_size"), "AdaptiveMaxPool": _kind("output_size"),
    "Softmax": _kind("dims"), "LogSoftmax": _kind("dims"), "Flatten": _kind("dims"), "Reshape": _kind("dims"),
    "Activation": _kind("activation"), "Dropout": _kind("rate", bits="<f8"), "BatchNorm": _kind("moments activation"),
    "Recurrent": _kind("hidden_size num_layers ops built last_only init mode"),
    "Sequential": _kind("layers"), "Concurrent": _kind("layers"), "Residual": _kind("layers"),
    "AlexNet": _WHOLE, "VGG": _WHOLE, "DenseNet": _WHOLE,
    "L1Loss": _kind("reduction"), "L2Loss": _kind("reduction"), "LNLoss": _kind("n reduction"),
    "PseudoHuberLoss": _kind("delta reduction"), "BCELoss": _kind("reduction use_sigmoid"),
    "CrossEntropyLoss": _kind("weight reduction use_softmax"), "HingeLoss": _kind("reduction margin autofix"),
    "SquaredHingeLoss": _kind("reduction margin autofix"), "FocalLoss": _kind("reduction gamma alpha"),
    "BinaryAccuracy": _kind("threshold"), "OneHotBinaryAccuracy": _kind(),
    **dict.fromkeys(("Layer", "LazyLayer", "StackedLayer", "PoolingLayer", "Loss", "Metric", "MetricStore"), _kind()),
}  # fmt: skip
KNET = {
    "BNMoments": _kind("momentum mean var meaninit varinit"),
    "RNN": _kind(
        "w h c inputSize hiddenSize numLayers dropout seed inputMode direction mode algo dataType rnnDesc dropoutDesc dx dhx dcx"
    ),
    "SGD": _kind("lr gclip"), "Momentum": _kind("lr gamma gclip velocity"), "Nesterov": _kind("lr gamma gclip velocity"),
    "Adagrad": _kind("lr eps gclip G"), "Rmsprop": _kind("lr rho eps gclip G"), "Adadelta": _kind("lr rho eps gclip G delta"),
    "Adam": _kind("lr beta1 beta2 eps t gclip fstm scndm"), "KnetArray": _PARAMETRIC,
    "RD": _kind("ptr"), "DD": _kind("ptr states"),  # what an RNN keeps on a GPU
}  # fmt: skip
BASE = {
    "Pair": _kind("first second", parametric=True), "Colon": _kind(), "UndefInitializer": _kind(),
    **dict.fromkeys(("Array", "Dict", "IdDict", "NamedTuple", "Tuple", "Ptr"), _PARAMETRIC),
    **dict.fromkeys(("Function", "Real", "Number", "AbstractFloat", "Integer", "Signed", "Nothing", "Bool", "String", "Symbol", "Char"), _kind()),
}  # fmt: skip
KINDS = {"Photon": PHOTON, "Knet": KNET, "AutoGrad": {"Param": _kind("value opt", parametric=True)}, "Base": BASE, "Core": BASE}
"""The types by the package that they are of. In which of its modules they stand has changed between versions, their fields have not."""


def kind_of(kind: Type) -> Kind | None:
    """What is known of a type; None for one of anybody else's. A function with a name has no fields."""
    return Kind(bits="V0") if kind.is_function else KINDS.get(kind.module[0], {}).get(kind.name)
