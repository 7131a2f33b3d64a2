"""``keras.applications.resnet50``."""

from kjax.keras.applications.imagenet_utils import decode_predictions as decode_predictions
from kjax.keras.applications.resnet import ResNet50 as ResNet50
from kjax.keras.applications.resnet import preprocess_input as preprocess_input
from kjax.keras.legacy.incidental import held_by as _held_by

__getattr__ = _held_by("applications.resnet50")
