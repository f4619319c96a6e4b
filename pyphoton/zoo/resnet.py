"""ResNet: blocks whose input is added to what they compute."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from pyphoton.activations import relu
from pyphoton.arguments import checked
from pyphoton.description import description
from pyphoton.layers import BatchNorm, Conv2D, GlobalAvgPool, MaxPool, Sequential
from pyphoton.layers.base import Layer, positive
from pyphoton.zoo.head import he_normal_out, scores


def _convolution(channels: int, size: int, strides: int = 1, **options: Any) -> Conv2D:
    return Conv2D(channels, size, strides=strides, padding=size // 2, use_bias=False, initw=he_normal_out, **options)


@description
class ResidualBlock(Layer):
    """Convolutions with batch normalisation, added to the input.

        y = relu(norm(conv(... x)) + x)

    Two 3x3 convolutions of `channels`, or with `bottleneck` 1x1, 3x3 and 1x1 with four times as many at the end. `strides` are those
    of the first 3x3 convolution. `project` puts a 1x1 convolution and a normalisation on the way past them.
    Input: (N, in, height, width). Output: (N, channels or 4 channels, height / strides, width / strides).
    Source: He et al. 2015; torchvision's BasicBlock and Bottleneck.
    """

    channels: int
    strides: int = 1
    bottleneck: bool = False
    project: bool = False
    name: str | None = None
    conv1: Any = field(init=False, default=None)
    bn1: Any = field(init=False, default=None)
    conv2: Any = field(init=False, default=None)
    bn2: Any = field(init=False, default=None)
    conv3: Any = field(init=False, default=None)
    bn3: Any = field(init=False, default=None)
    downsample: Any = field(init=False, default=None)

    def __post_init__(self) -> None:
        positive(self, channels=self.channels, strides=self.strides)
        n, s = self.channels, self.strides
        if self.bottleneck:
            self.set(conv1=_convolution(n, 1), bn1=BatchNorm(relu), conv2=_convolution(n, 3, s), bn2=BatchNorm(relu))
            self.set(conv3=_convolution(4 * n, 1), bn3=BatchNorm())
        else:
            self.set(conv1=_convolution(n, 3, s), bn1=BatchNorm(relu), conv2=_convolution(n, 3), bn2=BatchNorm())
        if self.project:
            self.set(downsample=Sequential(_convolution(4 * n if self.bottleneck else n, 1, s), BatchNorm()))

    def forward(self, x: Any) -> Any:
        """The block's output."""
        y = self.bn2(self.conv2(self.bn1(self.conv1(x))))
        if self.bottleneck:
            y = self.bn3(self.conv3(y))
        return relu(y + (self.downsample(x) if self.project else x))


def _resnet(model: str, counts: tuple[int, ...], bottleneck: bool, classes: int) -> Sequential:
    """Four groups of blocks; the first block of each but the first group halves height and width."""
    groups = []
    for number, count in enumerate(counts, 1):
        strides = 1 if number == 1 else 2
        first = ResidualBlock(32 * 2**number, strides, bottleneck=bottleneck, project=bottleneck or strides > 1)
        rest = [ResidualBlock(32 * 2**number, bottleneck=bottleneck) for _ in range(count - 1)]
        groups.append(Sequential(first, *rest, name=f"layer{number}"))
    return Sequential(
        _convolution(64, 7, 2, name="conv1"), BatchNorm(relu, name="bn1"), MaxPool(3, strides=2, padding=1),
        *groups, GlobalAvgPool(), scores(model, classes, name="fc"),
    )  # fmt: skip


@checked
def ResNet18(classes: int = 1000) -> Sequential:
    """ResNet with 18 layers of weights: 11,689,512 parameters for 1000 classes.

    Input: (N, 3, 224, 224). Output: scores (N, classes).
    Errors: ArgumentError. Source: He et al. 2015; torchvision.models, whose weights fit by name.
    """
    return _resnet("ResNet18", (2, 2, 2, 2), False, classes)


@checked
def ResNet34(classes: int = 1000) -> Sequential:
    """ResNet with 34 layers of weights: 21,797,672 parameters for 1000 classes.

    Input: (N, 3, 224, 224). Output: scores (N, classes).
    Errors: ArgumentError. Source: He et al. 2015; torchvision.models, whose weights fit by name.
    """
    return _resnet("ResNet34", (3, 4, 6, 3), False, classes)


@checked
def ResNet50(classes: int = 1000) -> Sequential:
    """ResNet with 50 layers of weights: 25,557,032 parameters for 1000 classes.

    Input: (N, 3, 224, 224). Output: scores (N, classes). Its strides stand in the 3x3 convolutions (version 1.5).
    Errors: ArgumentError. Source: He et al. 2015; torchvision.models, whose weights fit by name.
    """
    return _resnet("ResNet50", (3, 4, 6, 3), True, classes)


@checked
def ResNet101(classes: int = 1000) -> Sequential:
    """ResNet with 101 layers of weights: 44,549,160 parameters for 1000 classes.

    Input: (N, 3, 224, 224). Output: scores (N, classes). Its strides stand in the 3x3 convolutions (version 1.5).
    Errors: ArgumentError. Source: He et al. 2015; torchvision.models, whose weights fit by name.
    """
    return _resnet("ResNet101", (3, 4, 23, 3), True, classes)


@checked
def ResNet152(classes: int = 1000) -> Sequential:
    """ResNet with 152 layers of weights: 60,192,808 parameters for 1000 classes.

    Input: (N, 3, 224, 224). Output: scores (N, classes). Its strides stand in the 3x3 convolutions (version 1.5).
    Errors: ArgumentError. Source: He et al. 2015; torchvision.models, whose weights fit by name.
    """
    return _resnet("ResNet152", (3, 8, 36, 3), True, classes)
