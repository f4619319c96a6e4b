"""keras.config: settings of the face; called, the arguments of a layer: `config(layer)`."""

from pyphoton.keras.called import callable_module
from pyphoton.keras.data_format import image_data_format, set_image_data_format

__all__ = ["image_data_format", "set_image_data_format"]
callable_module(__name__)
