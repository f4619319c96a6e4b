"""Weights to and from other libraries. These are the only files besides the backends that know them."""
