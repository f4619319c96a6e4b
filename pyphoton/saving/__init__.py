"""Saving models and workouts: files that hold arrays and descriptions, from which nothing is ever executed."""
