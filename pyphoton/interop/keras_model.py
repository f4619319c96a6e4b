"""`tf(model)`: a model built of Keras's layers, with copies of the weights that are written back when it has been trained."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from pyphoton.converted import original
from pyphoton.data.forms import members
from pyphoton.errors import ArgumentError, BackendMissing, NotBuilt, ShapeError
from pyphoton.flux.stacks import rawbatch
from pyphoton.interop.keras_layers import Builder, Held
from pyphoton.network import network_of
from pyphoton.one_sample import is_one_sample
from pyphoton.parameters import view
from pyphoton.tensor import Tensor


class KerasModel:
    """A model on Keras 3: on TensorFlow where it is installed, else on what KERAS_BACKEND names, else on torch.

    Called like the model itself. `.native` is the keras.Model, channels first. Keras lays its weights out in its own way, so that
    they are copies: taken at the conversion (or with the first data, which tell the shape of the input), and written back to the original by `fit_` or, after training with `.native.fit`, by
    `storeparams_`. It trains with Keras, and not in a Workout. While training, Keras moves the running variance of BatchNorm by the
    biased one. Nets and unrolled models are layers made of Keras's operations; each call of an unrolled one begins at the starts of its states.
    """

    def __init__(self, model: Any) -> None:
        self._keras = keras_module()
        self.model = original(model)
        self._native: Any = None
        self.held: tuple[Held, ...] = ()
        if network_of(self.model).met is not None:
            self._build()

    def _build(self) -> None:
        network = network_of(self.model)
        met = network.met
        if met is None:
            raise NotBuilt("tf", hint="The model has met no data yet: call it on an array first, or begin it with Input(shape).")
        if len(met.shapes) != 1:
            raise ArgumentError("tf", "a model of one input", f"one of {len(met.shapes)}", "torch_(model) takes several.")
        self._dtype = "int64" if met.whole[0] else network.dtype
        builder = Builder(self._keras, network.dtype)
        given = self._keras.Input(met.shapes[0], dtype=self._dtype)
        made = self._keras.Model(given, builder.build(self.model, given, ""))
        builder.check()
        self._native, self.held = made, tuple(builder.held)
        for held in self.held:
            held.load()

    @property
    def native(self) -> Any:
        """The keras.Model. Errors: NotBuilt while the shape of the input is not known."""
        if self._native is None:
            self._build()
        return self._native

    def _met(self, x: Any) -> Any:
        """An array in the model's dtype, as a batch, and whether it was one sample; the first one tells the shape of the input. Errors: ShapeError, DataError."""
        network = network_of(self.model)
        if network.met is None:
            single = is_one_sample(self.model, [np.ndim(x)], None, vectors=True)
            arrays, many = members(np.asarray(x)[None] if single else x, "inputs")
            network.forward_plan(arrays, many)
        wanted = self.native.input_shape[1:]
        array = np.asarray(x, self._dtype)
        single = array.ndim == len(wanted)
        array = array[None] if single else array
        if array.ndim != len(wanted) + 1 or array.shape[1:] != wanted:
            raise ShapeError(repr(self), f"a batch of {wanted}, or one sample", str(np.shape(x)))
        return array, single

    def __repr__(self) -> str:
        return f"KerasModel({self.model!r})"

    @property
    def parameters(self) -> Any:
        """The original's parameters."""
        return view(self.model)

    def __call__(self, x: Any) -> Any:
        """The model's output for a batch or one sample, as a NumPy array. Errors: ArgumentError inside of another model or a Workout; ShapeError."""
        if isinstance(x, Tensor):
            hint = "Train it with its fit_, or put torch_(model) into the Workout."
            raise ArgumentError("KerasModel", "arrays", "a place in another model or a Workout", hint)
        array, single = self._met(x)
        found = np.asarray(self._keras.ops.convert_to_numpy(self.native(array, training=False)))
        return found[0] if single else found

    def fit_(self, x: Any, y: Any, *, loss: Any = "mse", opt: Any = "sgd", epochs: int = 1, batch_size: int = 32, **options: Any) -> KerasModel:
        """Train with Keras's own losses and optimisers (names or objects; `options` go to its fit), then write back. Returns the model."""
        array, _ = self._met(x)
        self.native.compile(optimizer=opt, loss=loss)
        self.native.fit(array, np.asarray(y), epochs=epochs, batch_size=batch_size, **{"verbose": 0, **options})
        return storeparams_(self)

    def descend_(self, x: Any, y: Any, *, eta: float, epochs: int, batch_size: int) -> KerasModel:
        """Train as `flux.train_` does: half the sum of squares, plain descent, minibatches in the order of the data. Returns the model."""
        keras = self._keras

        def half_of_squares(target: Any, prediction: Any) -> Any:
            """For each sample; Keras takes the mean of it, so that it is multiplied by their number."""
            squares = keras.ops.square(prediction - target)
            count = keras.ops.cast(keras.ops.shape(squares)[0], squares.dtype)
            return keras.ops.sum(keras.ops.reshape(squares, (keras.ops.shape(squares)[0], -1)), axis=1) * count / 2

        return self.fit_(x, y, loss=half_of_squares, opt=keras.optimizers.SGD(eta), epochs=epochs, batch_size=batch_size, shuffle=False)

    def descend_sequences_(self, minibatches: Any, *, eta: float, epochs: int) -> KerasModel:
        """Train as `flux.train_` does on batches of sequences: cross-entropy per sample and step, one update each. Returns the model."""
        compiled = False
        for _ in range(epochs):
            for x, y in minibatches:
                array, _ = self._met(rawbatch(x))
                if not compiled:
                    self.native.compile(optimizer=self._keras.optimizers.SGD(eta), loss="categorical_crossentropy")
                    compiled = True
                self.native.train_on_batch(array, np.asarray(rawbatch(y), self.native.output.dtype))
        return storeparams_(self)


def storeparams_(model: Any) -> KerasModel:
    """Write the weights of a model on Keras into the original's parameters. Returns the model."""
    if not isinstance(model, KerasModel):
        raise ArgumentError("storeparams_", "a model that tf(model) made", repr(model), "Other engines share memory: there is nothing to write.")
    for held in model.held:
        held.store()
    return model


def keras_module() -> Any:
    """Keras. Errors: BackendMissing with what to install."""
    if "keras" not in sys.modules and not find_spec("tensorflow") and find_spec("torch"):
        os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        return import_module("keras")
    except ImportError as error:
        hint = "pip install keras, and tensorflow or torch for it to run on; or use torch_(model) or flux(model)."
        raise BackendMissing("tf", "TensorFlow's Keras 3", f"none that can be imported ({error})", hint) from error
