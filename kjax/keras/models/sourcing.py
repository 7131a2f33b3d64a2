"""From the data arguments of ``fit``, ``evaluate`` and ``predict`` to a checked source; builds the model on the way."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kjax.data.arrays import Arrays
from kjax.data.recognise import batches_of
from kjax.data.stream import Stream
from kjax.keras.core import codes, structure
from kjax.keras.core import scope as scopes
from kjax.keras.core.settings import settings
from kjax.keras.legacy.arguments import OLD_ERAS
from kjax.keras.models import data as adapt
from kjax.keras.models.outputs import leaves, renamed
from kjax.keras.models.overriding import Overridable
from kjax.keras.models.training import is_box
from kjax.nn.dtypes import abstract
from kjax.nn.randomness import may_draw
from kjax.train.steps import apply_module


class Sourcing(Overridable):
    """The part of a model that takes data."""

    _when_built: tuple[Callable[[], Any], ...] = ()

    def _build_for(self, inputs: Any, batch_size: int | None) -> None:
        """Build the model, and learn how many outputs it has, from inputs.

        Args:
            inputs: arrays, of which only shapes count.
            batch_size: samples in a batch; None where the inputs are one. Keras 3 builds classes for that many.
        """
        if self._builds_by_itself():
            return
        from kjax.keras.core.tensor import KerasTensor

        is_fixed = settings.era == "3"

        def symbolic(a: Any) -> KerasTensor:
            size = min(batch_size or a.shape[0], a.shape[0]) if is_fixed and a.shape else None
            return KerasTensor((size or None, *a.shape[1:]), str(jax.dtypes.canonicalize_dtype(a.dtype)), name="data")

        if not self.built:
            tensors = jax.tree.map(symbolic, inputs)
            if isinstance(tensors, tuple):
                tensors = list(tensors)
            self._ensure_built((tensors,), {})
        elif self._when_built:
            self._finish_building((jax.tree.map(symbolic, inputs),), {})
        if not self.is_functional and not self._outputs_seen and not self._has_no_call():
            samples = jax.tree.map(
                lambda a: jax.ShapeDtypeStruct((min(batch_size or 2, *a.shape[:1]), *a.shape[1:]), abstract(a).dtype),
                inputs,
            )
            outputs, _ = self._trace((samples,), {})
            self._learn_outputs(outputs)
        if self._trained is None:
            self._snapshot()

    def _finish_building(self, args: Any, kwargs: Any) -> None:
        """Build the layers that the model's `build` left out, for something waits for their weights."""
        if any(not layer.built for layer in self._flatten_layers()):
            self.trace_call(args, kwargs)
        self._is_built_now()

    def _is_built_now(self) -> None:
        """Do what was left for when the model has its weights: TensorFlow's checkpoints may be loaded before."""
        waiting, self._when_built = self._when_built, ()
        for act in waiting:
            act()

    def _has_no_call(self) -> bool:
        """Whether the model is but its steps, and says itself that it is built."""
        is_ours = type(self).call.__module__.startswith("kjax.keras.models.")
        return is_ours and getattr(self, "_plan", None) is None and self._is_custom()

    @property
    def takes_strings(self) -> bool:
        """Whether a layer inside works on strings."""
        return structure.kept(self, "strings", self._find_strings)

    def _find_strings(self) -> bool:
        inner = (layer for layer in self._flatten_layers() if not isinstance(layer, Sourcing))
        plan = getattr(self, "_plan", None)
        given = () if plan is None else plan.inputs
        return any(tensor.dtype == codes.STRING for tensor in given) or any(
            getattr(layer, "takes_strings", False) for layer in inner
        )

    def _learn_outputs(self, outputs: Any) -> None:
        """Name the outputs of a model written as a class, as Keras does."""
        self._outputs_seen = True
        if not isinstance(outputs, (list, tuple, Mapping)):
            return
        paths = [path for path, _ in leaves(outputs)]
        names = tuple(
            "_".join(f"output_{part + 1}" if isinstance(part, int) else str(part) for part in path) for path in paths
        )
        if names != self._class_output_names and self._objective is not None:  # made when nobody knew them
            self._objective = None
            self._need_compilation().forget()
        self._class_output_names, self._class_structure = names, renamed(outputs, iter(names))

    def _source(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        *,
        shuffle: Any = False,
        class_weight: Any = None,
        what: str = "",
        steps: int | None = None,
        number: int = 0,
        inputs_only: bool = False,
        completed: bool = False,
        **workers: Any,
    ) -> Arrays | Stream:
        """Checked data as a source of batches; builds the model if it was not.

        Args:
            x: arrays, or anything that gives batches.
            y: targets.
            sample_weight: weights.
            batch_size: samples in a batch.
            shuffle: as in ``fit``.
            class_weight: weight of each class.
            what: beginning of the arguments' names in messages.
            steps: batches of an epoch; without a batch size, arrays are cut into so many. In Keras 1 and 2 each step
                was over all samples.
            number: number of the first pass.
            inputs_only: for a prediction.
            completed: whether the values of tensors among the data are there already.
            **workers: see :func:`kjax.data.recognise.batches_of`.
        """
        if steps is not None and (isinstance(steps, bool) or not hasattr(steps, "__index__") or steps < 1):
            raise ValueError(f"argument `steps` must be a positive integer, received {steps!r}")
        x, y, sample_weight = scopes.plain((x, y, sample_weight))
        tensors = None if completed else self._tensor_data()
        if tensors is not None and batches_of(x) is None:
            x = tensors.batches(x, y, sample_weight, batch_size, shuffle, steps)
            y = sample_weight = None
        strings = self.takes_strings
        if strings and batches_of(x) is None:
            x = self._looked_up(codes.encode_tree(x))
        batches = batches_of(x, bool(shuffle), **workers)
        if batches is not None:
            for name, value in (("y", y), ("sample_weight", sample_weight)):
                if value is not None:
                    raise ValueError(
                        f"argument `{what}{name}`: {what}x is a {batches.name}, which gives batches; they hold the "
                        f"targets and weights themselves: (x, y) or (x, y, sample_weight)"
                    )
            stream = Stream(batches)
            try:
                first = stream.first(self._run_seed(), number)
                first = self._coded(first) if strings else first
                names = self.input_names if self.is_functional else None
                raw = adapt.wanted(adapt.inputs_of(first, names), names)
                arrange = self._arrangement(adapt.as_tree(raw, "batch: x"), class_weight, None)
                prepare = arrange.inputs_of_batch if inputs_only else arrange.of_batch
                stream.prepare = (lambda batch: prepare(self._coded(batch))) if strings else prepare
                return _placed(stream, self.distribution or settings.distribution)
            except BaseException:
                stream.close()
                raise
        if batch_size is None:
            batch_size = 32
            if steps is not None and x is not None:
                batch_size = adapt.count_samples(adapt.as_tree(x, f"{what}x"))
                if settings.era not in OLD_ERAS:  # there every step was over all samples
                    batch_size = -(-batch_size // steps)
        if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
            raise ValueError(f"argument `batch_size` must be a positive integer, received {batch_size!r}")
        x = adapt.wanted(x, self.input_names if self.is_functional else None)
        x, y, weights = adapt.checked(x, y, sample_weight, what)
        if weights is not None and self._follows_keras2:
            class_weight = None  # sample weights took their place
        arrays = Arrays(self._arrangement(x, class_weight, int(batch_size))(x, y, weights), int(batch_size), shuffle)
        return _placed(arrays, self.distribution or settings.distribution)

    def _coded(self, batch: Any) -> Any:
        """A batch with numbers for the strings among its inputs."""
        inputs = self._looked_up(codes.encode_tree(batch[0] if isinstance(batch, tuple) else batch))
        return (inputs, *batch[1:]) if isinstance(batch, tuple) else inputs

    def _looked_up(self, inputs: Any) -> Any:
        """Inputs for which layers that begin the model have done their work: how long their rows are the data alone say."""
        plan = getattr(self, "_plan", None)
        if plan is None:
            first = next(iter(getattr(self, "layers", ())), None)
            return looked_up(first, inputs) if hasattr(inputs, "dtype") else inputs
        leaves, structure = jax.tree.flatten(inputs)
        names = sorted(inputs) if isinstance(inputs, dict) else list(self.input_names)
        if len(leaves) != len(names):
            return inputs
        for i, name in enumerate(names):
            tensor = plan.inputs[list(self.input_names).index(name)] if name in self.input_names else None
            users = [node.layer for node in plan.nodes if any(tensor is given for given in node.input_tensors)]
            leaves[i] = looked_up(users[0], leaves[i]) if len(users) == 1 else leaves[i]
        return jax.tree.unflatten(structure, leaves)

    def _tensor_data(self) -> Any:
        """The tensors with values of their own among the model's inputs and targets, or None; see :mod:`.tensor_data`."""
        if self._tensors is None:
            from kjax.keras.models.tensor_data import tensor_data

            self._tensors = (tensor_data(self),)  # type: ignore[arg-type]
        return self._tensors[0]

    @property
    def _follows_keras2(self) -> bool:
        """Whether weights count as in Keras 1 and 2."""
        return self._compilation is not None and self._compilation.keras2

    def _arrangement(self, x: Any, class_weight: Any, batch_size: int | None) -> adapt.Arrangement:
        """How data are arranged for the model; builds it for inputs like ``x`` if it was not."""
        names = self.input_names if self.is_functional else None
        self._build_for(adapt.arrange_inputs(x, names) if names else x, batch_size)
        names = self.input_names if self.is_functional else None
        if self._is_custom():
            return adapt.Arrangement(None, None, class_weight)
        objective = self._prepare_objective() if self._compilation is not None else None
        trained = [t.name for t in objective.targets if t.loss is not None] if objective is not None else []
        return adapt.Arrangement(names, self.output_names, class_weight, trained)

    def _check_shapes(self, source: Arrays | Stream, kind: str = "train") -> None:
        """Compare data with the model's inputs and losses before anything is computed."""
        from kjax.keras.models import checks, older_checks

        sample = source.sample
        inputs, targets, weights = sample
        if self._is_custom():  # what its methods make of the data only they know; they are traced with them
            self._sample_batches[kind] = sample
            self._own_steps().discover(kind, sample)
            return
        if self.is_functional:
            checks.check_inputs(self, inputs)
        objective = self._prepare_objective()
        checks.check_presence(objective, targets)
        if targets is None:
            return
        # Tracing the model takes a while, and the answer depends on shapes and types alone.
        key = (jax.tree.structure(sample), tuple((leaf.shape, str(leaf.dtype)) for leaf in jax.tree.leaves(sample)))
        if key in self._checked:
            self._sample = self._checked[key]
            self._check_classes(source, objective)
            return
        variables = jax.tree.map(
            lambda v: jax.ShapeDtypeStruct(v.shape, jnp.dtype(v.stored_dtype)), self.variable_tree(), is_leaf=is_box
        )
        module = self._train_module
        stream = jax.random.key(0) if may_draw(module) else None
        outputs = jax.eval_shape(
            lambda v, i: apply_module(module, v, i, training=False, key=stream)[0], variables, inputs
        )
        checks.check_targets(self, objective, targets, outputs, getattr(source, "batch_size", None))
        checks.check_weights(objective, weights, outputs)
        if self._follows_keras2:
            older_checks.check_targets(self, objective, targets, outputs)  # type: ignore[arg-type]
            older_checks.check_weights(self, objective, targets, weights)  # type: ignore[arg-type]
        self._sample = self._checked[key] = (targets, outputs)
        self._check_classes(source, objective)

    def _check_classes(self, source: Arrays | Stream, objective: Any) -> None:
        """Refuse classes that the model does not have: in arrays at once, in a stream when they come."""
        from kjax.keras.models.checks import check_classes, counts_of_classes

        outputs = self._sample[1]
        if isinstance(source, Arrays):
            check_classes(objective, source.tree[1], outputs)
            return
        prepare, counts = source.prepare, counts_of_classes(objective, outputs)
        if not any(counts):
            return

        def prepare_and_check(batch: Any) -> Any:
            arranged = prepare(batch)
            for true, count in zip(arranged[1] or (), counts, strict=False):
                # Which class is wrong, and whether it may be, is looked at only where one is.
                if count and isinstance(true, np.ndarray) and (true.min() < 0 or true.max() >= count):
                    check_classes(objective, arranged[1], outputs)
            return arranged

        source.prepare = prepare_and_check


def looked_up(layer: Any, numbers: Any) -> Any:
    """What a layer gives for strings, if its rows are as long as these need; otherwise the numbers of the strings."""
    found = layer.outputs_before(numbers) if hasattr(layer, "outputs_before") else None
    return numbers if found is None else found


def _placed(source: Any, distribution: Any) -> Any:
    """The source, giving its batches to the devices that the distribution names."""
    if distribution is not None:
        source.place = distribution.place_batch
        if source.steps != 1 and source.batch_size % distribution.num_model_replicas:
            warnings.warn(
                f"batches of {source.batch_size} cannot be split evenly over {distribution.num_model_replicas} devices: "
                "each device computes them whole; choose a batch size that is a multiple",
                stacklevel=4,
            )
    return source


def hold_back(x: Any, y: Any, weights: Any, share: float) -> tuple[Any, Any, Any, Any]:
    """Split the last share of the samples off for validation."""
    if not 0 < share < 1:
        raise ValueError(f"argument `validation_split` must be between 0 and 1, received {share!r}")
    if batches_of(x) is not None:
        raise ValueError(
            "Argument `validation_split` is only supported for tensors or NumPy arrays: of a source of batches nobody knows the last samples; pass "
            "validation_data"
        )
    x, y, weights = adapt.as_tree(x, "x"), adapt.as_tree(y, "y"), adapt.as_tree(weights, "sample_weight")
    if x is None:
        raise ValueError("argument `x` is missing: there are no data")
    adapt.check_counts(x, y, weights)
    n = adapt.count_samples(x)
    at = int(np.floor(n * (1 - share)))
    if at == 0 or at == n:
        raise ValueError(f"argument `validation_split`={share} leaves no samples on one side: there are {n}")
    (x, vx), (y, vy), (weights, vw) = (adapt.split(t, at) if t is not None else (None, None) for t in (x, y, weights))
    return x, y, weights, (vx, vy, vw)
