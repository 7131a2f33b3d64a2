"""What every layer must do, one check after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kjax.keras import ops, tree
from kjax.keras.backend.session import is_float_dtype, standardize_dtype
from kjax.keras.core.layer import Layer
from kjax.keras.core.tensor import KerasTensor
from kjax.keras.losses import Loss
from kjax.keras.models import Model
from kjax.keras.testing.data import arrays, map_shape_dtype_structure, symbolic_tensors


class LayerContract:
    """Checks of one layer with one kind of inputs.

    Args:
        case: the test whose assertions are used.
        layer_cls: the class of the layer.
        init_kwargs: arguments of its constructor.
        call_kwargs: arguments of its call beside the inputs.
        counts: for attributes of the layer that are lists, and ``seed_generators``, the number of entries once it is
            built, or None: that after a first call.
    """

    def __init__(
        self,
        case: Any,
        layer_cls: Any,
        init_kwargs: dict[str, Any],
        call_kwargs: dict[str, Any],
        counts: Mapping[str, int | None],
    ) -> None:
        self.case = case
        self.layer_cls = layer_cls
        self.init_kwargs = init_kwargs
        self.call_kwargs = call_kwargs
        self.counts = dict(counts)
        self.shapes: Any = None
        self.data: Any = None
        self.symbolic: Any = None

    @property
    def has_inputs(self) -> bool:
        """Whether inputs were given."""
        return self.data is not None

    def make(self, **more: Any) -> Any:
        """A new layer."""
        return self.layer_cls(**{**self.init_kwargs, **more})

    def set_inputs(self, shapes: Any, dtypes: Any, data: Any, sparse: bool) -> None:
        """Give the shapes and types of the inputs, or the inputs; what must be counted is counted then."""
        if shapes is None and data is None:
            return
        if data is None:
            dtypes = map_shape_dtype_structure(lambda *_: "float32", shapes, "float32") if dtypes is None else dtypes
            if isinstance(shapes, dict):  # keys of shapes end in `_shape`, those of types may not
                dtypes = {key: dtypes.get(key, dtypes.get(key.removesuffix("_shape"))) for key in shapes}
            self.shapes, self.data = shapes, arrays(shapes, dtypes, sparse)
            self.symbolic = symbolic_tensors(shapes, dtypes, sparse)
        else:
            self.shapes, self.data = tree.map_structure(ops.shape, data), data
            self.symbolic = tree.map_structure(
                lambda x: symbolic_tensors(ops.shape(x), standardize_dtype(x.dtype), sparse), data
            )
        layer, _ = self.call()
        for name, count in self.counts.items():
            self.counts[name] = self._count(layer, name) if count is None else count

    def _count(self, layer: Any, name: str) -> int:
        return len(get_seed_generators(layer)) if name == "seed_generators" else len(getattr(layer, name))

    def _call(self, function: Any, inputs: Any) -> Any:
        if isinstance(inputs, dict):
            return function(**inputs, **self.call_kwargs)
        return function(inputs, **self.call_kwargs)

    def call(self, **more: Any) -> tuple[Any, Any]:
        """A new layer and its outputs for the data."""
        layer = self.make(**more)
        return layer, self._call(layer, self.data)

    def _check_built(self, layer: Any) -> None:
        self.case.assertTrue(layer.built)
        for name, count in self.counts.items():
            self.case.assertEqual(self._count(layer, name), count, f"number of {name}")

    def check_build(self) -> None:
        """``build`` on shapes makes the weights."""
        layer = self.make()
        if isinstance(self.shapes, dict):
            layer.build(**self.shapes)
        else:
            layer.build(self.shapes)
        self._check_built(layer)

    def check_symbolic_call(self) -> tuple[Any, Any]:
        """A call on symbolic tensors makes the weights, and gives symbolic tensors."""
        layer = self.make()
        outputs = self._call(layer, self.symbolic)
        self._check_built(layer)
        return layer, outputs

    def check_built_at_once(self) -> None:
        """A layer without weights is built from the start, a subclass with a ``build`` of its own is not."""
        self.case.assertTrue(self.make().built, f"{self.layer_cls} is stateless: it must be built from the start")

        def build(self: Any, *args: Any, **kwargs: Any) -> None:
            del self, args, kwargs

        derived = type("ModifiedBuildLayer", (self.layer_cls,), {"build": build})
        self.case.assertFalse(derived(**self.init_kwargs).built, "its subclass overrides `build`: it is not built yet")

    def check_outputs(self, outputs: Any, shapes: Any, dtypes: Any, sparse: bool) -> None:
        """Shapes and types of outputs."""
        if shapes is not None:
            found = tree.map_structure_up_to(outputs, _fits, shapes, outputs)
            received = tree.map_structure(lambda x: tuple(x.shape), outputs)
            self.case.assertTrue(all(tree.flatten(found)), f"shapes of outputs: {received} instead of {shapes}")
        if dtypes is not None:
            received = tree.map_structure(lambda x: standardize_dtype(x.dtype), outputs)
            self.case.assertEqual(tree.flatten(dtypes), tree.flatten(received), "types of outputs")
        for tensor in tree.flatten(outputs) if sparse else ():
            self.case.assertSparse(tensor)

    def check_values(self, outputs: Any, expected: Any, tpu_atol: float | None, tpu_rtol: float | None) -> None:
        """The numbers in outputs."""
        for wanted, found in zip(tree.flatten(expected), tree.flatten(outputs), strict=True):
            self.case.assertAllClose(wanted, found, msg="numbers in outputs", tpu_atol=tpu_atol, tpu_rtol=tpu_rtol)

    def check_training(self, layer: Any, outputs: Any) -> None:
        """One step of ``fit`` of a model with the layer in it."""

        class TestModel(Model):
            """A model of one layer."""

            def __init__(self, layer: Layer) -> None:
                super().__init__()
                self.layer = layer

            def call(self, x: Any, training: bool = False) -> Any:
                """The layer's outputs."""
                return self.layer(x, training=training)

        class TestLoss(Loss):
            """The sum of the outputs."""

            def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
                """The sum of the outputs."""
                return ops.sum(y_pred)

        def batches() -> Any:
            while True:
                yield self.data, outputs

        model = TestModel(layer)
        model.compile(optimizer="sgd", loss=TestLoss(), jit_compile="auto")
        model.fit(batches(), steps_per_epoch=1, verbose=0)

    def check_mixed_precision(self) -> None:
        """The types of outputs are those that are announced; weights stay in float32."""
        layer, outputs = self.call(dtype="mixed_float16")

        def cast(tensor: KerasTensor) -> KerasTensor:
            casts = layer.autocast and is_float_dtype(tensor.dtype)
            return KerasTensor(tensor.shape, layer.compute_dtype if casts else tensor.dtype)

        inputs = tree.map_structure(cast, self.symbolic)
        specs = layer.compute_output_spec(**inputs) if isinstance(inputs, dict) else layer.compute_output_spec(inputs)
        for tensor, spec in zip(tree.flatten(outputs), tree.flatten(specs), strict=True):
            dtype = standardize_dtype(tensor.dtype)
            self.case.assertEqual(dtype, spec.dtype, f"an output announced as {spec.dtype} is {dtype}")
        for weight in layer.weights:
            if is_float_dtype(weight.dtype):
                self.case.assertEqual(standardize_dtype(weight.dtype), "float32")


def get_seed_generators(layer: Layer) -> list[Any]:
    """The random generators of a layer and of the layers inside it."""
    found = [generator for inside in layer._flatten_layers() for generator in inside._seed_generators]
    return list({id(generator): generator for generator in found}.values())


def _fits(shape: Any, tensor: Any) -> bool:
    return len(shape) == len(tensor.shape) and all(
        wanted in (None, size) for wanted, size in zip(shape, tensor.shape, strict=True)
    )
