"""What a model of this face can do with files, as methods."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Saved:
    """The methods that save and load. The work is done in `pyphoton.keras.saving`."""

    def save_to_file(self, arch_fname: str | Path, weight_fname: str | Path | None = None, overwrite: bool = False, **options: Any) -> None:
        """Write the architecture as .json or .yaml, by the name's end, and the numbers into a file of their own, if it is named.

        options go to json.dumps or yaml.dump, as `indent=2`. Layers are described by their arguments as they were given; sharing, names,
        regularizers, constraints and `trainable` survive, `initial_weights` do not: they are in the numbers. The file of numbers is a
        safetensors file with a checksum, whatever its name. Errors: KeraFlowError for another extension, for a file that is there unless
        `overwrite`, and for a function without a name; a warning for a model without parameters.
        """
        from pyphoton.keras.saving import files

        files.save_to_file(self, arch_fname, weight_fname, overwrite, **options)

    def save_arch(self, arch_fname: str | Path, overwrite: bool = False, **options: Any) -> None:
        """Write the architecture only; see `save_to_file`."""
        self.save_to_file(arch_fname, None, overwrite, **options)

    @staticmethod
    def load_from_file(arch_fname: str | Path, weight_fname: str | Path | None = None, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True) -> Any:
        """The model that `save_to_file` wrote, not compiled; without a file of weights its numbers are new.

        custom_objects: layers and functions of your own by name. safe_mode=False lets Julia code of its layers run. Nothing else in the files is executed. Errors: FileError.
        """
        from pyphoton.keras.saving import files

        return files.load_from_file(arch_fname, weight_fname, custom_objects, safe_mode)

    def save_weights(self, filepath: str | Path, overwrite: bool = True) -> None:
        """Write the numbers into a safetensors file. Errors: KeraFlowError for a file that is there unless `overwrite`."""
        from pyphoton.keras.saving import files, weights

        files.refuse(filepath, overwrite)
        weights.save_weights(self, filepath)

    def load_weights(self, filepath: str | Path) -> None:
        """Set the numbers to those that `save_weights` wrote. Errors: FileError for a file of another model; nothing is changed then."""
        from pyphoton.keras.saving import weights

        weights.load_weights(self, filepath)

    def save(self, filepath: str | Path, overwrite: bool = True) -> None:
        """Write architecture and numbers into one file, which `load_model` reads. It is PyPhoton's own, whatever its name ends in.

        `to_keras(model).save(...)` writes one that Keras reads. How the model was compiled is not kept.
        """
        from pyphoton.keras.saving import files

        files.save_model(self, filepath, overwrite)

    def to_json(self, **options: Any) -> str:
        """The architecture as JSON, for `model_from_json`; options go to json.dumps."""
        from pyphoton.keras.saving import text, writing

        return text.dumped(writing.serialize(self), "json", **options)

    def to_yaml(self, **options: Any) -> str:
        """The architecture as YAML, for `model_from_yaml`; options go to yaml.dump. Errors: BackendMissing without PyYAML."""
        from pyphoton.keras.saving import text, writing

        return text.dumped(writing.serialize(self), "yaml", **options)
