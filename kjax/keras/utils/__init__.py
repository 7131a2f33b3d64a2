"""``keras.utils``: each name is loaded from its place when it is first used."""

from __future__ import annotations

import importlib
from typing import Any

_PLACES = {
    "kjax.data.datasets.get_file": "get_file",
    "kjax.keras.console": "disable_interactive_logging enable_interactive_logging is_interactive_logging_enabled",
    "kjax.keras.core.settings": "clear_session set_random_seed",
    "kjax.keras.backend": "standardize_dtype",
    "kjax.keras.plotting": "model_to_dot plot_model plot_history",
    "kjax.keras.preprocessing.image": "array_to_img img_to_array load_img save_img",
    "kjax.keras.preprocessing": (
        "audio_dataset_from_directory image_dataset_from_directory text_dataset_from_directory "
        "timeseries_dataset_from_array"
    ),
    "kjax.keras.preprocessing.sequence": "pad_sequences",
    "kjax.keras.progbar": "Progbar",
    "kjax.keras.saving": (
        "CustomObjectScope custom_object_scope deserialize_keras_object get_custom_objects get_registered_name "
        "get_registered_object register_keras_serializable"
    ),
    "kjax.keras.utils.generic_utils": "serialize_keras_object",
    "kjax.keras.utils.batches": "pack_x_y_sample_weight split_dataset unpack_x_y_sample_weight",
    "kjax.keras.utils.config": "Config",
    "kjax.keras.utils.enqueuers": "GeneratorEnqueuer OrderedEnqueuer SequenceEnqueuer",
    "kjax.keras.features.space": "FeatureSpace",
    "kjax.keras.utils.hdf5": "H5Dict HDF5Matrix h5dict",
    "kjax.keras.utils.kernels": "convert_all_kernels_in_model convert_kernel",
    "kjax.keras.utils.layer_utils": "get_source_inputs is_keras_tensor print_summary",
    "kjax.keras.utils.multi_gpu": "multi_gpu_model",
    "kjax.keras.utils.sequence": "PyDataset Sequence",
    "kjax.keras.utils.numeric": "normalize to_categorical",
}
"""Where the names are."""

_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names.split()}

_SUBMODULES = (
    "bounding_boxes conv_utils data_utils generic_utils io_utils layer_utils np_utils test_utils vis_utils"
).split()


def __getattr__(name: str) -> Any:
    if name in _PLACE_OF:
        return getattr(importlib.import_module(_PLACE_OF[name]), name)
    if name in _SUBMODULES:
        return importlib.import_module(f"kjax.keras.utils.{name}")
    from kjax.nn.value import did_you_mean

    raise AttributeError(f"module 'kjax.keras.utils' has no attribute {name!r}; {did_you_mean(name, __dir__())}")


def __dir__() -> list[str]:
    return sorted([*_PLACE_OF, *_SUBMODULES])
