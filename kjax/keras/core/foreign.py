"""Third-party Flax modules, linen and NNX, as Keras layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn

from kjax.keras.core.layer import Layer
from kjax.keras.core.pure import PureLayer
from kjax.nn.nnx import FromNNX, Parts, is_nnx


class Method(nn.Module):
    """A linen module called through one of its methods.

    Attributes:
        inner: the module.
        function: name of the method, or a function whose first argument is the module.
    """

    inner: nn.Module
    function: Any

    @nn.compact
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the method."""
        if isinstance(self.function, str):
            return getattr(self.inner, self.function)(*args, **kwargs)
        return self.function(self.inner, *args, **kwargs)


class NoLayerError(ValueError, TypeError):
    """Something stands where a layer should. Keras 2 had a TypeError for it, Keras 3 has a ValueError."""


class FlaxLayer(PureLayer):
    """A Flax module as a Keras layer: its variables become the layer's weights.

    Args:
        module: a linen module, or an NNX module, whose present arrays are the initial values.
        method: name of the method to call (or, for linen, a function whose first argument is the module) instead of
            ``__call__``.
        variables: initial values of a linen module's variables, as its ``init`` returned them.
        **kwargs: arguments of every layer.

    Raises:
        TypeError: ``module`` is no Flax module.
    """

    def __init__(
        self,
        module: Any,
        method: str | Callable[..., Any] | None = None,
        variables: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        Layer.__init__(self, **kwargs)
        self._wrapped, self._method, self._initial = module, method, variables
        if is_nnx(module):
            name = method if isinstance(method, str) or method is None else method.__name__
            self._adopt(FromNNX(Parts(module), name or "__call__"))
        elif isinstance(module, nn.Module):
            self._adopt(module if method is None else Method(module, method))
        else:
            raise TypeError(
                f"FlaxLayer: argument `module` must be a Flax module (linen or NNX), received {type(module).__name__}"
            )

    def _make_variables(self, description: Any) -> None:
        super()._make_variables(description)
        if self._initial is None:
            return
        for collection, path, variable in self._boxes:
            node: Any = self._initial[collection]
            for name in path[1:] if self._method is not None else path:
                node = node[name]
            variable.assign(node)

    def get_config(self) -> dict[str, Any]:
        """The module itself stands in the config: it is a value, but not one that JSON can hold."""
        config = {"name": self.name, "trainable": self._trainable, "module": self._wrapped}
        return config if self._method is None else {**config, "method": self._method}


def as_layer(thing: Any) -> Layer:
    """A layer from a Flax module.

    Raises:
        TypeError: something else.
    """
    if isinstance(thing, nn.Module) or is_nnx(thing):
        return FlaxLayer(thing)
    raise NoLayerError(
        f"expected a Keras layer or a Flax module, received {type(thing).__name__}: {thing!r} isn't a supported layer type"
    )
