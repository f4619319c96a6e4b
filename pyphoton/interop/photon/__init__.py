"""`from_photon`: workouts that Photon.jl saved.

`tags` and `stream` read Julia's Serialization, `kinds` says what Photon's and Knet's types have in them, `layers`, `recurrent` and `model` make
the model of it, with `weights`, `training` the loss, optimiser and history, and `workout` puts them together.
"""

from pyphoton.interop.photon.workout import from_photon

__all__ = ["from_photon"]
