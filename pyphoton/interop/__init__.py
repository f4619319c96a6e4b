"""Models, layers and weights of other libraries. These are the only files besides the backends that know them.

The names are loaded when they are first used.
"""

from __future__ import annotations

from pyphoton.lazy import lazily

__all__, __getattr__, __dir__ = lazily(__name__, {"interop.torch_in_julia": ("torch_layer",)})
