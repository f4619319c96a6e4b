"""Well-known image classifiers, built of ordinary layers in torchvision's structure, so that its weights fit by name.

Every function returns a model for images (N, 3, height, width) that gives scores (N, classes), before any softmax.
The sizes are those of ImageNet, 224 x 224, but other sizes work down to what the poolings leave room for.
"""

from pyphoton.zoo.alexnet import AlexNet
from pyphoton.zoo.densenet import DenseNet121, DenseNet161, DenseNet169, DenseNet201
from pyphoton.zoo.resnet import ResidualBlock, ResNet18, ResNet34, ResNet50, ResNet101, ResNet152
from pyphoton.zoo.vgg import VGG11, VGG13, VGG16, VGG19

__all__ = [
    "AlexNet", "DenseNet121", "DenseNet161", "DenseNet169", "DenseNet201", "ResNet101", "ResNet152", "ResNet18",
    "ResNet34", "ResNet50", "ResidualBlock", "VGG11", "VGG13", "VGG16", "VGG19",
]  # fmt: skip
