"""Where the elements of a data set come from: generators, files, other sets, folders."""

from __future__ import annotations

import glob
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

from kjax.keras.legacy.tensorflow.data_elements import kept, shown
from kjax.keras.legacy.tensorflow.tensor import is_text, unwrap


class Sources:
    """The ways to make a set that begin from nothing but its class."""

    _elements: Any
    from_tensor_slices: Any

    def __init__(self, elements: Callable[[], Iterator[Any]], length: float | None = None) -> None:
        self._elements = elements
        self._length = length

    _kind = "Dataset"
    _open = False
    _declared: Any = None
    """The signature that a set was made with."""

    @classmethod
    def from_list(cls, elements: Sequence[Any], name: str | None = None) -> Any:
        """The elements of a list (``tf.data.experimental.from_list``)."""
        rows = [kept(element) for element in elements]
        return cls(lambda: iter(rows), len(rows))

    def at(self, index: Any) -> Any:
        """The element at a place (``tf.data.experimental.at``).

        Raises:
            IndexError: there is none.
        """
        element = next(itertools.islice(self._elements(), int(unwrap(index)), None), None)
        if element is None:
            raise IndexError(f"the data set has no element {int(unwrap(index))}")
        return shown(element)

    @classmethod
    def from_generator(
        cls,
        generator: Callable[..., Iterable[Any]],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = (),
        output_signature: Any = None,
        name: str | None = None,
    ) -> Any:
        """What a generator function gives.

        Args:
            generator: a function that returns an iterable.
            output_types: types of the parts of an element.
            output_shapes: accepted.
            args: its arguments.
            output_signature: ``tf.TensorSpec``s, in the place of types and shapes.
            name: accepted.
        """
        del output_shapes, name
        types = jax.tree.map(lambda s: s.dtype, output_signature) if output_signature is not None else output_types

        def element(given: Any) -> Any:
            given = tuple(given) if isinstance(types, (list, tuple)) and isinstance(given, list) else given
            if types is None:
                return kept(given)
            leaves, structure = jax.tree.flatten(types)
            parts = structure.flatten_up_to(tuple(given) if isinstance(types, tuple) else given)
            made = [kept(part) for part in parts]
            cast = [m if str(t) == "string" else np.asarray(m, str(t)) for m, t in zip(made, leaves, strict=True)]
            return jax.tree.unflatten(structure, cast)

        found = cls(lambda: map(element, generator(*args)))
        found._declared = output_signature
        return found

    @classmethod
    def list_files(cls, file_pattern: Any, shuffle: bool | None = None, seed: int | None = None, **options: Any) -> Any:
        """The names of files that match patterns, in random order unless ``shuffle=False``.

        Raises:
            FileNotFoundError: there is none.
        """
        given = file_pattern if isinstance(file_pattern, (list, tuple)) else [file_pattern]
        patterns = [np.asarray(unwrap(p)).item() if not isinstance(p, str) else p for p in map(_as_name, given)]
        names = sorted(name for pattern in patterns for name in glob.glob(pattern))
        if not names:
            raise FileNotFoundError(f"list_files: no files match {', '.join(patterns)}")
        found = cls.from_tensor_slices(np.array(names, object))
        return found if shuffle is False else found.shuffle(len(names), seed)

    @classmethod
    def choose_from_datasets(cls, datasets: Sequence[Any], choice_dataset: Any, **options: Any) -> Any:
        """Elements of several sets, in the order in which a set of numbers names them."""

        def elements() -> Iterator[Any]:
            sources = [s._elements() for s in datasets]
            for number in choice_dataset._elements():
                element = next(sources[int(number)], None)
                if element is None:
                    return
                yield element

        return cls(elements)

    @classmethod
    def sample_from_datasets(
        cls, datasets: Sequence[Any], weights: Any = None, seed: int | None = None, **options: Any
    ) -> Any:
        """Elements drawn from several sets, until all are empty."""
        from kjax.keras.core.settings import next_seed

        chances = np.ones(len(datasets)) if weights is None else np.asarray(unwrap(weights), float)
        first = next_seed() if seed is None else seed

        def elements() -> Iterator[Any]:
            draw = np.random.default_rng(first)
            sources = {i: s._elements() for i, s in enumerate(datasets)}
            while sources:
                left = list(sources)
                number = left[int(draw.choice(len(left), p=chances[left] / chances[left].sum()))]
                element = next(sources[number], None)
                if element is None:
                    del sources[number]
                else:
                    yield element

        lengths = [s._length for s in datasets]
        return cls(elements, sum(lengths) if None not in lengths else None)  # type: ignore[arg-type]

    @classmethod
    def counter(cls, start: int = 0, step: int = 1, **options: Any) -> Any:
        """Numbers without end."""
        return cls(lambda: (np.int64(i) for i in itertools.count(start, step)), float("inf"))

    @classmethod
    def random(cls, seed: int | None = None, **options: Any) -> Any:
        """Random integers, without end."""
        from kjax.keras.core.settings import next_seed

        first = next_seed() if seed is None else seed

        def elements() -> Iterator[Any]:
            draw = np.random.default_rng(first)
            while True:
                yield draw.integers(0, 2**32)

        return cls(elements, float("inf"))

    def save(self, path: Any, **options: Any) -> None:
        """Write the elements to a folder; :meth:`load` reads them."""
        import os

        os.makedirs(path, exist_ok=True)
        for number, element in enumerate(self._elements()):
            leaves, structure = jax.tree.flatten(element)
            if number == 0:
                shape = jax.tree.unflatten(structure, list(range(len(leaves))))
                with open(os.path.join(path, "structure.txt"), "w", encoding="utf-8") as file:
                    file.write(repr(shape))
            arrays = [np.asarray(leaf).astype("S") if is_text(leaf) else np.asarray(leaf) for leaf in leaves]
            np.savez(os.path.join(path, f"{number:08d}.npz"), *arrays)

    @classmethod
    def load(cls, path: Any, *args: Any, **options: Any) -> Any:
        """Elements that :meth:`save` wrote."""
        import ast
        import os

        with open(os.path.join(path, "structure.txt"), encoding="utf-8") as file:
            structure = jax.tree.structure(ast.literal_eval(file.read()))
        names = sorted(name for name in os.listdir(path) if name.endswith(".npz"))

        def elements() -> Iterator[Any]:
            for name in names:
                with np.load(os.path.join(path, name), allow_pickle=False) as arrays:
                    leaves = [kept(arrays[key]) for key in arrays.files]
                yield jax.tree.unflatten(structure, leaves)

        return cls(elements, len(names))


def _as_name(thing: Any) -> Any:
    import os

    return os.fspath(thing) if isinstance(thing, os.PathLike) else thing
