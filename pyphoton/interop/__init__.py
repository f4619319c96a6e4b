"""Models, layers, functions and weights to and from other libraries. These are the only files besides the backends that know them.

Each name is loaded with its module, and the library that it needs, when it is first used.
"""

from __future__ import annotations

from pyphoton.lazy import lazily

_NAMES = {
    "interop.julia_functions": ("torch_function",),
    "interop.julia_modules": ("as_module",),
    "interop.kinds": ("as_kind",),
    "interop.lightning_data": ("from_lightning",),
    "interop.lightning_view": ("as_lightning",),
    "interop.sklearn_estimators": ("PhotonClassifier", "PhotonRegressor"),
    "interop.torch_in_julia": ("torch_layer",),
    "layers.julia": ("Julia",),
}
__all__, __getattr__, __dir__ = lazily(__name__, _NAMES)
