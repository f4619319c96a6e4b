"""Every layer of the Keras face through files: shapes that are told are those that come out, and what is loaded computes the same."""

import numpy as np
import pytest

from pyphoton.keras import Input, Layer, Model, layers
from pyphoton.keras.layers import LSTMCell

ROW, SERIES, IMAGE, VOLUME = (6,), (5, 6), (6, 6, 3), (4, 4, 4, 2)
CASES = {
    "Dense": (ROW, {"units": 3, "activation": "relu", "kernel_regularizer": "l2", "kernel_constraint": "max_norm"}),
    "Activation": (ROW, {"activation": "tanh"}), "ActivityRegularization": (ROW, {"l1": 0.1}), "Dropout": (ROW, {"rate": 0.5}),
    "Identity": (ROW, {}), "Highway": (ROW, {}), "MaxoutDense": (ROW, {"output_dim": 3}), "Flatten": (IMAGE, {}), "Masking": (SERIES, {}),
    "Embedding": ((5,), {"input_dim": 9, "output_dim": 3, "mask_zero": True}),
    "Conv1D": (SERIES, {"filters": 3, "kernel_size": 2, "padding": "causal"}), "Conv2D": (IMAGE, {"filters": 3, "kernel_size": 2, "padding": "same"}),
    "Conv3D": (VOLUME, {"filters": 3, "kernel_size": 2}), "Conv1DTranspose": (SERIES, {"filters": 3, "kernel_size": 2}),
    "Conv2DTranspose": (IMAGE, {"filters": 3, "kernel_size": 3, "strides": 2}), "Conv3DTranspose": (VOLUME, {"filters": 3, "kernel_size": 2}),
    "DepthwiseConv1D": (SERIES, {"kernel_size": 2}), "DepthwiseConv2D": (IMAGE, {"kernel_size": 2, "depth_multiplier": 2}),
    "SeparableConv1D": (SERIES, {"filters": 3, "kernel_size": 2}), "SeparableConv2D": (IMAGE, {"filters": 3, "kernel_size": 2}),
    "LocallyConnected1D": (SERIES, {"filters": 3, "kernel_size": 2}), "LocallyConnected2D": (IMAGE, {"filters": 3, "kernel_size": 2}),
    "Convolution1D": (SERIES, {"nb_kernel": 3, "kernel_row": 2}), "Convolution2D": (IMAGE, {"nb_kernel": 3, "kernel_row": 2, "kernel_col": 2}),
    "AtrousConvolution1D": (SERIES, {"nb_kernel": 3, "kernel_row": 2, "atrous_rate": 2}),
    "AtrousConvolution2D": (IMAGE, {"nb_kernel": 3, "kernel_row": 2, "kernel_col": 2, "atrous_rate": (2, 2)}),
    "Reshape": (ROW, {"target_shape": (2, -1)}), "ExpandDims": (ROW, {"axis": 0}), "PermuteDims": (SERIES, {"axes": (1, 0)}), "Permute": (SERIES, {"dims": (2, 1)}),
    "Repeat": (SERIES, {"n": 2}), "RepeatVector": (ROW, {"n": 2}), "BatchNormalization": (IMAGE, {}), "LayerNormalization": (SERIES, {}),
    "GroupNormalization": (IMAGE, {"groups": 3}), "UnitNormalization": (ROW, {}), "RMSNormalization": (ROW, {}), "Rescaling": (ROW, {"scale": 0.5, "offset": 1.0}),
    "Normalization": (ROW, {"mean": 1.0, "variance": 4.0}), "ReLU": (ROW, {"max_value": 1.0}), "LeakyReLU": (ROW, {}), "PReLU": (ROW, {}), "ELU": (ROW, {}),
    "Softmax": (ROW, {}), "ThresholdedReLU": (ROW, {}), "ParametricSoftplus": (ROW, {}), "SReLU": (ROW, {}), "GaussianNoise": (ROW, {"stddev": 0.1}),
    "GaussianDropout": (ROW, {"rate": 0.5}), "AlphaDropout": (ROW, {"rate": 0.5}), "SpatialDropout1D": (SERIES, {"rate": 0.5}),
    "SpatialDropout2D": (IMAGE, {"rate": 0.5}), "SpatialDropout3D": (VOLUME, {"rate": 0.5}),
    "SimpleRNN": (SERIES, {"units": 3}), "LSTM": (SERIES, {"units": 3, "return_sequences": True}), "GRU": (SERIES, {"units": 3, "reset_after": False}),
    "RNN": (SERIES, {"cell": LSTMCell(3)}), "Bidirectional": (SERIES, {"layer": layers.LSTM(3)}), "TimeDistributed": (SERIES, {"layer": layers.Dense(3)}),
    **{f"{kind}Pooling{rank}D": (shape, {}) for rank, shape in ((1, SERIES), (2, IMAGE), (3, VOLUME)) for kind in ("Max", "Average", "GlobalMax", "GlobalAverage")},
    **{f"Pooling{rank}D": (shape, {"mode": "max"}) for rank, shape in ((1, SERIES), (2, IMAGE), (3, VOLUME))},
    **{f"{kind}{rank}D": (shape, {}) for rank, shape in ((1, SERIES), (2, IMAGE), (3, VOLUME)) for kind in ("ZeroPadding", "Cropping", "UpSampling", "UnSampling")},
}  # fmt: skip
ELSEWHERE = {
    "Layer", "Lambda",  # a function has no name in a file
    "SimpleRNNCell", "LSTMCell", "GRUCell",  # part of RNN
    "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot", "ElementWiseSum", "ElementWiseMult",  # below
}  # fmt: skip
SHORT = {f"{name}{rank}D" for name in ("MaxPool", "AvgPool", "GlobalMaxPool", "GlobalAvgPool") for rank in (1, 2, 3)}
"""Other names of the same classes."""


def batch(name, shape):
    """Four samples; whole numbers for Embedding."""
    random = np.random.default_rng(2)
    return random.integers(0, 9, (4, *shape)) if name == "Embedding" else random.normal(size=(4, *shape)).astype("float32")


def there_and_back(model, tmp_path):
    """The model, written to files and read again."""
    model.save_to_file(tmp_path / "model.json", tmp_path / "model.safetensors")
    return Model.load_from_file(tmp_path / "model.json", tmp_path / "model.safetensors") if (tmp_path / "model.safetensors").exists() else Model.load_from_file(tmp_path / "model.json")


def test_no_layer_is_forgotten():
    """The table has every class that the face offers as a layer."""
    offered = {n for n in layers.__all__ if isinstance(getattr(layers, n), type) and issubclass(getattr(layers, n), Layer)}
    assert offered == set(CASES) | ELSEWHERE | SHORT


@pytest.mark.filterwarnings("ignore:.* has no parameters:UserWarning")
@pytest.mark.parametrize("name", CASES)
def test_shape_and_files(name, tmp_path):
    """The shape that a symbolic call tells is that of the array, and a model that was written and read gives the same numbers."""
    shape, arguments = CASES[name]
    x = Input(shape, dtype="int64" if name == "Embedding" else "float32")
    model = Model(x, getattr(layers, name)(**arguments)(x))
    data = batch(name, shape)
    found = model.predict(data)
    assert found.shape == (4, *model.output_shape[1:])
    again = there_and_back(model, tmp_path)
    np.testing.assert_array_equal(again.predict(data), found)
    assert [type(layer).__name__ for layer in again.layers] == [type(layer).__name__ for layer in model.layers]


@pytest.mark.filterwarnings("ignore:.* has no parameters:UserWarning")
@pytest.mark.parametrize("name", ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "ElementWiseSum", "ElementWiseMult"])
def test_merging_and_files(name, tmp_path):
    """The same for layers of two inputs."""
    a, b = Input(ROW), Input(ROW)
    model = Model([a, b], getattr(layers, name)()([a, b]))
    data = [batch(name, ROW), batch(name, ROW)[::-1].copy()]
    found = model.predict(data)
    assert found.shape == (4, *model.output_shape[1:])
    np.testing.assert_array_equal(there_and_back(model, tmp_path).predict(data), found)
