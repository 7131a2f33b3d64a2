"""``keras.applications``: networks for pictures, with the names and weights of Keras'; loaded when first used."""

from __future__ import annotations

import importlib
from typing import Any

_PLACES = {
    "convnext": "ConvNeXtBase ConvNeXtLarge ConvNeXtSmall ConvNeXtTiny ConvNeXtXLarge",
    "densenet": "DenseNet121 DenseNet169 DenseNet201",
    "efficientnet": (
        "EfficientNetB0 EfficientNetB1 EfficientNetB2 EfficientNetB3 EfficientNetB4 EfficientNetB5 EfficientNetB6 "
        "EfficientNetB7"
    ),
    "efficientnet_v2": (
        "EfficientNetV2B0 EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3 EfficientNetV2L EfficientNetV2M "
        "EfficientNetV2S"
    ),
    "inception_resnet_v2": "InceptionResNetV2",
    "inception_v3": "InceptionV3",
    "mobilenet": "MobileNet",
    "mobilenet_v2": "MobileNetV2",
    "mobilenet_v3": "MobileNetV3Large MobileNetV3Small",
    "nasnet": "NASNetLarge NASNetMobile",
    "resnet": "ResNet101 ResNet152 ResNet50",
    "resnet_v2": "ResNet101V2 ResNet152V2 ResNet50V2",
    "vgg": "VGG16 VGG19",
    "xception": "Xception",
}
"""Files, and the networks in them."""

_PLACE_OF = {name: place for place, names in _PLACES.items() for name in names.split()}
_SUBMODULES = (*_PLACES, "imagenet_utils", "resnet50", "vgg16", "vgg19")


def __getattr__(name: str) -> Any:
    if name in _PLACE_OF:
        return getattr(importlib.import_module(f"kjax.keras.applications.{_PLACE_OF[name]}"), name)
    if name in _SUBMODULES:
        return importlib.import_module(f"kjax.keras.applications.{name}")
    from kjax.keras.legacy.incidental import find
    from kjax.nn.value import did_you_mean

    if (found := find("applications", name)) is not None:
        return found

    raise AttributeError(f"module 'kjax.keras.applications' has no attribute {name!r}; {did_you_mean(name, __dir__())}")


def __dir__() -> list[str]:
    return sorted([*_PLACE_OF, *_SUBMODULES])
