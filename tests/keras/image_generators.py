"""What the recording of keras-preprocessing holds: small images, and the options that were run on them."""

from __future__ import annotations

from typing import Any

import numpy as np

OPTIONS: dict[str, dict[str, Any]] = {
    "everything": {
        "rotation_range": 30,
        "width_shift_range": 0.2,
        "height_shift_range": [-1, 2],
        "shear_range": 10,
        "zoom_range": 0.3,
        "channel_shift_range": 20,
        "horizontal_flip": True,
        "vertical_flip": True,
        "rescale": 1 / 255,
        "fill_mode": "reflect",
        "brightness_range": (0.5, 1.5),
        "samplewise_center": True,
    },
    "featurewise": {
        "featurewise_center": True,
        "featurewise_std_normalization": True,
        "width_shift_range": 3,
        "fill_mode": "constant",
        "cval": 9.0,
    },
    "split": {
        "validation_split": 0.4,
        "samplewise_center": True,
        "samplewise_std_normalization": True,
        "zoom_range": (0.5, 1.0),
        "fill_mode": "wrap",
    },
    "channels_first": {"data_format": "channels_first", "rotation_range": 90, "horizontal_flip": True},
    "whitened": {"zca_whitening": True, "featurewise_center": True, "rescale": 0.1},
}

CHANGES: dict[str, tuple[Any, ...]] = {
    "random_rotation": (20,),
    "random_shift": (0.2, 0.3),
    "random_shear": (20,),
    "random_zoom": ((0.5, 1.5),),
    "random_channel_shift": (20,),
}


def images(option: str) -> np.ndarray:
    """Five images with values from 0 to 255."""
    shape = {"channels_first": (5, 3, 6, 7), "whitened": (5, 2, 2, 1)}.get(option, (5, 6, 7, 3))
    return (np.random.default_rng(0).random(shape) * 255).astype("float32")


def run(module: Any, option: str) -> list[np.ndarray]:
    """Seeded batches that a generator makes: as an iterator over two epochs, by number, and with a seed of its own.

    Args:
        module: ``keras_preprocessing.image``, or what stands for it.
        option: a key of :data:`OPTIONS`.
    """
    x, y = images(option), np.arange(5) % 2
    np.random.seed(3)
    generator = module.ImageDataGenerator(**OPTIONS[option])
    generator.fit(x, augment=option == "everything", rounds=2, seed=4)
    flow = generator.flow(x, y, batch_size=2, subset="training" if option == "split" else None)
    batches = [next(flow) for _ in range(4)] + [flow[1], flow[0]]
    seeded = generator.flow(x, y, batch_size=3, seed=7, sample_weight=np.arange(5.0))
    batches += [next(seeded) for _ in range(2)]
    return [part for batch in batches for part in batch]


def change(module: Any, name: str) -> np.ndarray:
    """One image changed by one of the functions, with channels last and first."""
    image = images("everything")[0]
    np.random.seed(5)
    last = getattr(module, name)(image, *CHANGES[name], channel_axis=2)
    first = getattr(module, name)(image.transpose(2, 0, 1), *CHANGES[name])
    return np.concatenate([last.ravel(), first.ravel()])
