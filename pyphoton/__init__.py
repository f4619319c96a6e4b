"""PyPhoton: friendly deep learning on Julia's Flux or on PyTorch; one script that runs anywhere.

>>> from pyphoton import *
>>> workout = Workout(Sequential(Dense(64, relu), Dense(10)), CrossEntropyLoss(use_softmax=True), Adam())
>>> fit_(workout, (X, Y), epochs=5)

Importing this package loads neither an engine nor NumPy: each name is loaded with its module when it is first used.
"""

from __future__ import annotations

from pyphoton.lazy import lazily

__version__ = "0.1.0"

_NAMES = {
    "activations": (
        "elu", "gelu", "hard_sigmoid", "identity", "leaky_relu", "log_softmax", "relu", "selu", "sigm", "sigmoid",
        "softmax", "softplus", "softsign", "swish", "tanh", "σ",
    ),
    "backends": ("get_backend", "hasgpu"),
    "backends.julia.documentation": ("julia_doc",),
    "backends.julia.errors": ("JuliaError",),
    "backends.julia.exchange": ("JuliaArray", "from_julia", "to_julia"),
    "callbacks": (
        "AutoSave", "ConsoleMeter", "EarlyStop", "EpochSave", "FileMeter", "LambdaCallback", "PlotMeter", "SilentMeter",
        "TensorBoardMeter", "throttle",
    ),
    "config": ("get_context", "reset_context", "seed_", "set_context"),
    "confusion": ("confusion_matrix", "plot_confusion"),
    "data.dataset": ("Dataset",),
    "data.hdf5": ("HDF5Dataset", "JLDDataset"),
    "data.images": ("ImageDataset",),
    "data.loader": ("Dataloader", "MiniBatch"),
    "data.moving": ("KorA", "batchfirst", "batchlast"),
    "data.scaling": ("Normalizer", "Standardizer"),
    "data.tables": ("DFDataset",),
    "data.transformers": ("ImageCrop", "Map", "Noise", "NoisingTransformer", "OneHotEncoder", "Split", "Subset", "Transformer"),
    "data.vectors": ("ArrayDataset", "TestDataset", "VectorDataset"),
    "errors": (
        "ArgumentError", "BackendMissing", "DataError", "FileError", "KeraFlowError", "LayoutError", "MissingMethod", "NonFiniteLoss",
        "NotBuilt", "PhotonError", "ShapeError", "TraceError", "UnknownName", "Unsupported",
    ),
    "functions": ("concatenate", "exp", "log", "maximum", "minimum", "one_hot", "sqrt", "square", "where"),
    "gradient": ("Gradients",),
    "graph": ("Graph", "trace"),
    "initialisers": (
        "Bilinear", "Constant", "Gaussian", "Initialiser", "Orthogonal", "Scaled", "Uniform", "bilinear", "gaussian",
        "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal", "lecun_uniform", "ones", "xavier",
        "zeros",
    ),
    "interop.photon": ("from_photon",),
    "interop.torch_weights": ("load_state_dict_", "to_state_dict"),
    "labels": ("onehot",),
    "layers.julia": ("Julia",),
    "layers": (
        "Activation", "AdaptiveAvgPool", "AdaptiveMaxPool", "AvgPool", "AvgPool1D", "AvgPool2D", "AvgPool3D",
        "BatchNorm", "Concurrent", "Conv1D", "Conv1DTranspose", "Conv2D", "Conv2DTranspose", "Conv3D",
        "Conv3DTranspose", "Dense", "Dropout", "Embedding", "Flatten", "GRU", "GlobalAvgPool", "GlobalMaxPool", "Input",
        "LSTM", "Layer", "LayerNorm", "LogSoftmax", "MaxPool", "MaxPool1D", "MaxPool2D", "MaxPool3D", "Param", "RNN",
        "Reshape", "Residual", "Sequential", "SkipConnection", "Softmax", "add", "add_", "output_size",
    ),
    "losses": (
        "BCE", "BCELoss", "CE", "CrossEntropyLoss", "FocalLoss", "HingeLoss", "L1Loss", "L2Loss", "LNLoss", "Loss", "LossSum",
        "MAE", "MAELoss", "MSE", "MSELoss", "PseudoHuberLoss", "SquaredHingeLoss", "bce_loss", "mae", "mse", "nll",
    ),
    "metrics": ("Accuracy", "BinaryAccuracy", "Metric", "OneHotBinaryAccuracy", "accuracy"),
    "optimisers": (
        "ADAM", "Adadelta", "Adagrad", "Adam", "AdamW", "Adamax", "Momentum", "Nesterov", "Optimiser", "RMSprop",
        "Rmsprop", "SGD",
    ),
    "parameters": ("Parameter", "freeze_", "unfreeze_", "weights", "weights_"),
    "plan": ("Plan",),
    "plots": ("plot_history", "plot_mistakes", "plot_model", "plotmetrics"),
    "saving": ("load", "loadWorkout", "load_workout", "save", "saveWorkout", "save_workout"),
    "schedules": (
        "CosineDecay", "ExponentialDecay", "InverseTimeDecay", "LambdaSchedule", "MultiStepDecay", "OneCycle",
        "ReduceOnPlateau", "Schedule", "StepDecay", "WarmUp",
    ),
    "statistics": ("Statistics", "activation_statistics", "gradient_statistics"),
    "stopping": ("stop",),
    "table": ("summary",),
    "tensor": ("Tensor",),
    "verbs": (
        "evaluate", "fit_", "getmetricname", "getmetricvalue", "gradients", "hasmetric", "history", "predict", "step_",
        "validate",
    ),
    "workout": ("Workout",),
    "zoo": (
        "AlexNet", "DenseNet121", "DenseNet161", "DenseNet169", "DenseNet201", "ResidualBlock", "ResNet101", "ResNet152",
        "ResNet18", "ResNet34", "ResNet50", "VGG11", "VGG13", "VGG16", "VGG19",
    ),
}  # fmt: skip
__all__, __getattr__, __dir__ = lazily(__name__, _NAMES)
