"""Names that modules of Keras 1 and 2 had because they imported them: ``K`` and ``np`` came along with ``import *``."""

from __future__ import annotations

CARRIED: dict[str, str] = {
    **{name: name for name in "copy csv functools inspect io json math os re sys time types warnings".split()},
    "np": "numpy",
    "K": ".backend",
    **{
        name: f".{name}"
        for name in (
            "activations constraints initializers initializations layers losses metrics models objectives optimizers "
            "regularizers"
        ).split()
    },
    "cbks": ".callbacks",
    "conv_utils": ".utils.conv_utils",
    "generic_utils": ".utils.generic_utils",
    "interfaces": ".legacy.interfaces",
    "metrics_module": ".metrics",
}
"""Modules by these names, a leading dot for those of Keras itself."""

ELSEWHERE = (
    "utils.generic_utils",
    "utils.conv_utils",
    "utils",
    "layers",
    "models",
    "engine",
    "engine.training_utils",
    "callbacks",
)
"""Where other names that modules had from each other are looked up, such as ``to_list`` and ``Progbar``."""

STARRED: dict[str, tuple[str, ...]] = {
    place: tuple(names.split())
    for place, names in {
        "layers": "K activations constraints conv_utils copy initializers interfaces np regularizers warnings",
        "models": "K np",
        "engine": "K copy json np warnings",
        "optimizers": "K copy",
        "callbacks": "K csv json np os time warnings",
        "datasets": "np",
        "preprocessing": "np",
        **dict.fromkeys(
            "activations applications constraints initializers initializations losses metrics objectives regularizers".split(),
            "K",
        ),
    }.items()
}
"""Of these, those that ``from keras.layers import *`` brings, by the first part of the path."""

HOLDERS = frozenset({*STARRED, "legacy", "utils"})
"""First parts of the paths of modules that had such names."""
