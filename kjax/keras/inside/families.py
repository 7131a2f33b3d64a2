"""The bases of Keras' families of layers (``BaseConv``, ``BasePooling``, ``ConvLSTM``): the classes of all ranks as one.

In kjax the members of a family are derived from modules of floor 1, one for each rank. A base knows its members by
``isinstance`` and ``issubclass``, and called with a rank it makes the member of that rank. A user's class derived from it
becomes one of the rank that it gives to ``super().__init__``.
"""

from __future__ import annotations

import functools
from typing import Any

from kjax.keras import layers
from kjax.keras.core.layer import Layer
from kjax.keras.legacy.bases import _Merge as Merge  # noqa: F401

_RANKS = (1, 2, 3)


class _Family(type):
    """Class of the bases.

    A base says in ``members`` what its members are called, ``{}`` in place of the rank, and in ``rank_argument`` which
    argument tells the rank.
    """

    members: tuple[str, ...]
    rank_argument: str

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
        if any(isinstance(base, _Family) and base.members for base in bases):
            return type(Layer)(name, tuple(_stem(b) if isinstance(b, _Family) else b for b in bases), body)
        return super().__new__(cls, name, bases, body)

    def _classes(cls) -> list[type]:
        named = [member.format(rank) for member in cls.members for rank in _RANKS]
        return [vars(layers)[name] for name in dict.fromkeys(named) if name in vars(layers)]

    def __instancecheck__(cls, instance: Any) -> bool:
        return issubclass(type(instance), cls)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return subclass is cls or _stem(cls) in subclass.__mro__ or issubclass(subclass, tuple(cls._classes()))

    def __call__(cls, *args: Any, **kwargs: Any) -> Layer:
        """The layer of the rank that the arguments tell.

        Raises:
            TypeError: no rank was given.
            ValueError: there is no layer of the rank.
        """
        member, args, kwargs = cls.chosen(*args, **kwargs)
        return member(*args, **kwargs)

    def chosen(cls, *args: Any, **kwargs: Any) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
        """The member for some arguments, and what of them is for it.

        Raises:
            TypeError: no rank was given.
            ValueError: there is no layer of the rank.
        """
        if cls.rank_argument not in kwargs:
            if not args:
                raise TypeError(f"{cls.__name__}: argument `{cls.rank_argument}` is missing")
            kwargs[cls.rank_argument], args = args[0], args[1:]
        return cls._member(cls.members[0], kwargs.pop(cls.rank_argument)), args, kwargs

    def _member(cls, name: str, rank: Any) -> Any:
        found = vars(layers).get(name.format(rank))
        if found is None:
            raise ValueError(f"{cls.__name__}: there is no layer of `{cls.rank_argument}` {rank!r}")
        return found


@functools.cache
def _stem(family: Any) -> type[Layer]:
    """What users' classes of a family derive from: a layer that becomes one of the family's rank when it learns its rank."""

    class Stem(Layer):
        """A member of a family, of a rank that its constructor says."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            member, args, kwargs = family.chosen(*args, **kwargs)
            self.__class__ = _of_rank(type(self), member)
            member.__init__(self, *args, **kwargs)

    Stem.__name__ = Stem.__qualname__ = family.__name__
    return Stem


@functools.cache
def _of_rank(cls: type, member: type) -> Any:
    """A user's class as one of the layers of a rank; it stays what it is called and where it lies."""
    if issubclass(cls, member):
        return cls
    names = {name: getattr(cls, name) for name in ("__module__", "__qualname__", "__doc__")}
    return type(Layer)(cls.__name__, (cls, member), names)


class _Base(metaclass=_Family):
    members = ()
    rank_argument = "rank"


def _family(name: str, doc: str, *members: str, rank_argument: str = "rank", metaclass: type = _Family) -> Any:
    body = {"members": members, "rank_argument": rank_argument, "__doc__": doc, "__module__": __name__}
    return metaclass(name, (_Base,), body)


class _Pooling(_Family):
    """Pooling in windows: the rank comes third, and an argument says which member is meant."""

    def chosen(  # type: ignore[override]
        cls,
        pool_size: Any,
        strides: Any,
        pool_dimensions: int,
        pool_mode: str = "max",
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
        """The member for some arguments, and what of them is for it.

        Args:
            pool_size: see the layers, like all that is not named here.
            strides: see there.
            pool_dimensions: the rank.
            pool_mode: ``'max'`` or ``'average'``.
            padding: see there.
            data_format: see there.
            name: see there.
            **kwargs: those of every layer.

        Raises:
            ValueError: another mode, or no layer of the rank.
        """
        names = {"max": "MaxPooling{}D", "average": "AveragePooling{}D"}
        if pool_mode not in names:
            raise ValueError(
                f"{cls.__name__}: argument `pool_mode` must be one of {list(names)}, received {pool_mode!r}"
            )
        member = cls._member(names[pool_mode], pool_dimensions)
        return member, (pool_size, strides, padding, data_format), {"name": name, **kwargs}


BaseConv = _family("BaseConv", "Conv1D, Conv2D, Conv3D.", "Conv{}D")
BaseConvTranspose = _family("BaseConvTranspose", "Transposed convolutions.", "Conv{}DTranspose")
BaseDepthwiseConv = _family("BaseDepthwiseConv", "Depthwise convolutions.", "DepthwiseConv{}D")
BaseSeparableConv = _family("BaseSeparableConv", "Separable convolutions.", "SeparableConv{}D")
ConvLSTM = _family("ConvLSTM", "ConvLSTM1D, ConvLSTM2D, ConvLSTM3D.", "ConvLSTM{}D")
ConvLSTMCell = _family("ConvLSTMCell", "The cells of convolutional LSTMs.", "ConvLSTM{}DCell")
BasePooling = _family(
    "BasePooling",
    "Pooling in windows.",
    *("MaxPooling{}D", "AveragePooling{}D"),
    rank_argument="pool_dimensions",
    metaclass=_Pooling,
)
BaseGlobalPooling = _family(
    "BaseGlobalPooling",
    "Pooling of all positions.",
    *("GlobalAveragePooling{}D", "GlobalMaxPooling{}D"),
    rank_argument="pool_dimensions",
)
BaseAdaptivePooling = _family(
    "BaseAdaptivePooling",
    "Pooling to a size.",
    *("AdaptiveAveragePooling{}D", "AdaptiveMaxPooling{}D"),
)
BaseAdaptiveAveragePooling = _family(
    "BaseAdaptiveAveragePooling", "Means of parts, to a size.", "AdaptiveAveragePooling{}D"
)
BaseAdaptiveMaxPooling = _family("BaseAdaptiveMaxPooling", "Largest of parts, to a size.", "AdaptiveMaxPooling{}D")
BaseSpatialDropout = _family("BaseSpatialDropout", "Dropout of whole channels.", "SpatialDropout{}D")
