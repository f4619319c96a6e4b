"""Training speed and memory of PyPhoton against a hand-written torch loop and Keras 3: `python -m benchmarks.run`."""
