"""GPTQ and AWQ on a model: its blocks one after the other, each with the inputs that the quantized ones before it give."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from kjax.keras.core.quantized import QuantizedKernelMembers, flattened
from kjax.nn.module import PARAMS
from kjax.nn.quantization import QuantizationConfig, calibration


def calibrate_model(model: Any, config: QuantizationConfig, passes: Callable[[Any], bool], type_check: bool) -> None:
    """Quantize the dense layers in the blocks of a model; all others stay as they are.

    Args:
        model: the model.
        config: a config of GPTQ or AWQ.
        passes: whether a layer is wanted.
        type_check: whether classes that users derived from built-in ones are left out.

    Raises:
        ValueError: no data, or nobody says what the blocks are.
    """
    wanted: Any = config
    structure = wanted.quantization_layer_structure
    if structure is None:
        structure = model.get_quantization_layer_structure(wanted.mode)
    if structure is None:
        raise ValueError(
            f"For mode={wanted.mode!r}, a valid quantization structure is needed: "
            "{'pre_block_layers': [...], 'sequential_blocks': [...]}, as `config.quantization_layer_structure` or from "
            "the model's `get_quantization_layer_structure(mode)`"
        )
    blocks = list(structure.get("sequential_blocks") or ())
    if not blocks:
        raise ValueError(
            "quantize: No sequential blocks found in the quantization structure: there is nothing to quantize"
        )
    samples = [jnp.asarray(batch) for batch in sequences(wanted)]
    for layer in structure.get("pre_block_layers") or ():
        samples = [layer(batch) for batch in samples]
    from kjax.keras.utils import Progbar

    bar = Progbar(target=len(blocks))
    for number, block in enumerate(blocks):
        _calibrate_block(block, samples, wanted, passes, type_check)
        if number + 1 < len(blocks):
            samples = [_first(block(batch)) for batch in samples]
        bar.update(number + 1)


def sequences(config: Any) -> np.ndarray:
    """The calibration data of a config: int32 (samples, 1, sequence length).

    Raises:
        TypeError: data that cannot be gone through.
        ValueError: no data, or texts without a tokenizer.
    """
    data = config.dataset
    if data is None:
        raise ValueError(f"{config.mode.upper()} quantization requires a dataset: give it to {type(config).__name__}")
    if isinstance(data, (str, bytes)) or not hasattr(data, "__iter__"):
        raise TypeError(
            f"{type(config).__name__}: the `dataset` argument must be an iterable of texts or of arrays of tokens, "
            f"received a {type(data).__name__}"
        )
    pieces = []
    for piece in data:
        if isinstance(piece, str):
            if config.tokenizer is None:
                raise ValueError(f"{type(config).__name__}: a dataset of texts needs a tokenizer")
            piece = getattr(config.tokenizer, "tokenize", config.tokenizer)(piece)
        pieces.append(np.asarray(piece).reshape(-1).astype(np.int32))
    if not pieces:
        raise ValueError(f"{type(config).__name__}: Provided dataset is empty")
    return calibration.windows(np.concatenate(pieces), config.sequence_length, config.num_samples)[:, None]


def _first(outputs: Any) -> Any:
    """What goes on to the next block: the first of several outputs."""
    return outputs[0] if isinstance(outputs, (list, tuple)) else outputs


def _calibrate_block(
    block: Any, samples: Sequence[Any], config: Any, passes: Callable[[Any], bool], type_check: bool
) -> None:
    layers = [
        layer
        for layer in flattened(block)
        if isinstance(layer, QuantizedKernelMembers) and hasattr(layer._module, "contraction") and passes(layer)
    ]
    if type_check:
        layers = [layer for layer in layers if type(layer).__module__ == "kjax.keras.layers"]
    if not layers:
        return
    seen = observed(block, samples, layers)
    unseen = [layer.name for layer in layers if id(layer) not in seen]
    if unseen:
        raise ValueError(f"block {block.name!r}: the calibration data do not reach the layers {unseen}")
    for layer in layers:
        layer.quantize(config.mode, config=config, type_check=type_check)
        how = layer._module.contraction(layer._ndim(), layer.kernel_shape)
        kernel = layer.stored_kernel().value.reshape(how.matrix())
        found = seen[id(layer)]
        if config.mode == "gptq":
            layer.calibrate(calibration.gptq(kernel, found["hessian"], config))
        else:
            layer.calibrate(calibration.awq(kernel, found["largest"], config))


def observed(block: Any, samples: Sequence[Any], layers: Sequence[Any]) -> dict[int, Any]:
    """What is known of the inputs of layers when a block runs on samples, by the layers' ids."""
    found: dict[int, Any] = {}
    with _watching(layers, found):
        for batch in samples:
            block(batch)
    return found


@contextlib.contextmanager
def _watching(layers: Sequence[Any], found: dict[int, Any]) -> Iterator[None]:
    """Inside, the inputs of layers are noted, wherever their modules are called: they are known by their kernels."""
    kernels = {id(layer.stored_kernel().value): layer for layer in layers}

    def watch(call: Any, args: Any, kwargs: Any, context: Any) -> Any:
        module = context.module
        if context.method_name == "__call__" and module.scope is not None and module.has_variable(PARAMS, "kernel"):
            layer = kernels.get(id(module.get_variable(PARAMS, "kernel")))
            if layer is not None:
                inputs = args[0] if args else kwargs["inputs"]
                if not isinstance(inputs, Tracer):
                    rows = layer._module.contraction(layer._ndim(), layer.kernel_shape).matrix()[0]
                    found[id(layer)] = _moments(inputs.reshape(-1, rows), found.get(id(layer)))
        return call(*args, **kwargs)

    with nn.intercept_methods(watch):
        yield


_moments = jax.jit(calibration.moments)
