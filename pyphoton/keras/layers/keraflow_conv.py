"""Convolutions as Keraflow and Keras 1 write them: rows and columns apart, and kernels (in, out, ...)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from pyphoton.arguments import is_integer
from pyphoton.errors import ArgumentError
from pyphoton.initialisers import Given
from pyphoton.keras.data_format import checked_format
from pyphoton.keras.layers.conv import CONV_NAMES, Conv1D, Conv2D
from pyphoton.layers.base import Param


def beginning(params: Mapping[str, Param], axes: tuple[int, ...]) -> dict[str, Param]:
    """Parameters whose kernel is as Keraflow has it: ours, of 4 axes, with its axes in that order."""
    shape = params["kernel"].shape
    whole = shape if len(shape) == 4 else (1, *shape)
    return {**params, "kernel": replace(params["kernel"], shape=tuple(whole[a] for a in axes))}


def turned_back(params: Mapping[str, Param], found: Mapping[str, Param], axes: tuple[int, ...]) -> dict[str, Param]:
    """`found`, made for Keraflow's kernel, for ours; `axes` is its own inverse."""
    shape, init = params["kernel"].shape, found["kernel"].init
    if isinstance(init, Given):
        init = Given(np.transpose(np.asarray(init.values), axes).reshape(shape))
    return {**found, "kernel": replace(params["kernel"], init=init)}


class Convolution1D(Conv1D):
    """Keraflow's convolution of sequences: (batch, steps, features) -> (batch, steps', filters); `nb_kernel`, `stride`, `pad`, `bias`, `init` there.

    W, and `initial_weights`, are (1, filters, kernel_row, features); in `parameters` and `weights` the kernel is (filters, features, kernel_row).
    """

    spellings: ClassVar[Mapping[str, str]] = {**CONV_NAMES, "filter_length": "kernel_row", "kernel_size": "kernel_row"}
    turn: ClassVar[tuple[int, ...]] = (0, 1, 3, 2)

    def __init__(
        self, filters: int, kernel_row: int, strides: int = 1, padding: str = "valid", use_bias: bool = True, kernel_initializer: Any = "uniform",
        activation: Any = "linear", bias_initializer: Any = "zeros", kernel_regularizer: Any = None, bias_regularizer: Any = None,
        activity_regularizer: Any = None, kernel_constraint: Any = None, bias_constraint: Any = None, dilation_rate: Any = 1, **common: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            filters, kernel_row, strides, padding, "channels_last", dilation_rate, activation=activation, use_bias=use_bias, kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer, bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer, kernel_constraint=kernel_constraint, bias_constraint=bias_constraint, **common,
        )  # fmt: skip

    def with_initial(self, params: Mapping[str, Param]) -> dict[str, Param]:
        """Weights as Keraflow writes them."""
        return turned_back(params, super().with_initial(beginning(params, self.turn)), self.turn)


class Convolution2D(Conv2D):
    """Keraflow's convolution of images: (batch, channels, height, width), unless data_format says otherwise; `nb_kernel`, `pad`, `bias`, `init` there.

    W, and `initial_weights`, are (channels, filters, kernel_row, kernel_col); in `parameters` and `weights` the kernel is (filters, channels, ...).
    """

    spellings: ClassVar[Mapping[str, str]] = {**CONV_NAMES, "nb_row": "kernel_row", "nb_col": "kernel_col", "kernel_size": "kernel_row"}
    turn: ClassVar[tuple[int, ...]] = (1, 0, 2, 3)

    def __init__(
        self, filters: int, kernel_row: Any, kernel_col: int | None = None, strides: Any = (1, 1), padding: str = "valid", use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform", activation: Any = "linear", data_format: str | None = None, bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None, bias_regularizer: Any = None, activity_regularizer: Any = None, kernel_constraint: Any = None,
        bias_constraint: Any = None, dilation_rate: Any = 1, **common: Any,
    ) -> None:  # fmt: skip
        if kernel_col is None and is_integer(kernel_row):
            raise ArgumentError("Convolution2D", "kernel_row and kernel_col", f"kernel_row={kernel_row}", "Conv2D takes one number.")
        size = kernel_row if kernel_col is None else (kernel_row, kernel_col)
        super().__init__(
            filters, size, strides, padding, checked_format("Convolution2D", data_format, "channels_first"), dilation_rate, activation=activation, use_bias=use_bias,
            kernel_initializer=kernel_initializer, bias_initializer=bias_initializer, kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer, activity_regularizer=activity_regularizer, kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint, **common,
        )  # fmt: skip

    def with_initial(self, params: Mapping[str, Param]) -> dict[str, Param]:
        """Weights as Keraflow writes them."""
        return turned_back(params, super().with_initial(beginning(params, self.turn)), self.turn)


AtrousConvolution1D, AtrousConvolution2D = Convolution1D, Convolution2D
