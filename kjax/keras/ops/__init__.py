"""``keras.ops``: functions on arrays, variables and symbolic tensors.

Each is a pure function of ``kjax.nn.ops``, lifted by one mechanism: on arrays it computes, on symbolic tensors it draws a
node of a graph. The modules ``numpy``, ``nn``, ``math``, ``linalg``, ``image`` and ``core`` hold parts of them.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from kjax.keras.ops.lift import functions
from kjax.keras.ops.table import SOURCES, entries

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


# In Keras the modules `numpy` and `nn` repeat functions of `math`; those of `image` are in no other place.
_EVERYWHERE = {
    "nn": "in_top_k",
    "numpy": "",
    "linalg": "slogdet",
}


def _part(name: str) -> ModuleType:
    import sys

    module = ModuleType(f"{__name__}.{name}", f"The part of ``keras.ops`` called ``{name}``.")
    wanted = [n for n, entry in entries().items() if entry.module == name] + _EVERYWHERE.get(name, "").split()
    for function in wanted:
        setattr(module, function, functions()[function])
    sys.modules[module.__name__] = module
    return module


globals().update({name: function for name, function in functions().items() if entries()[name].module != "image"})
globals().update({name: _part(name) for name in SOURCES})
