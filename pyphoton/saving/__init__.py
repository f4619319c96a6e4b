"""Saving models and workouts: files that hold arrays and descriptions, from which nothing is ever executed.

`atomic` replaces a file whole, `container` is the file and its checks, `model` and `workout` are what is put in it.
"""

from pyphoton.saving.model import load, save
from pyphoton.saving.workout import load_workout, loadWorkout, save_workout, saveWorkout

__all__ = ["load", "loadWorkout", "load_workout", "save", "saveWorkout", "save_workout"]
