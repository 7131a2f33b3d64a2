"""NASNetMobile and NASNetLarge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kjax import keras
from kjax.keras.applications.application import (
    BASE_URL,
    Frame,
    Weights,
    activation,
    application,
    conv,
    correct_pad,
    dense_head,
    norm,
    pad,
    preprocessing,
)
from kjax.keras.applications.imagenet_utils import decode_predictions as decode_predictions

SOURCE = "Zoph et al., 2018, 'Learning Transferable Architectures for Scalable Image Recognition'."
NORM = {"momentum": 0.9997, "epsilon": 1e-3}

preprocess_input = preprocessing("tf")


def _plain(x: Any, filters: int, name: str) -> Any:
    return conv(x, filters, 1, padding="same", use_bias=False, kernel_initializer="he_normal", name=name)


def _separable(x: Any, filters: int, size: int, stride: int, block: str) -> Any:
    x = activation(x)
    if stride == 2:
        x = pad(x, correct_pad(x, size), f"separable_conv_1_pad_{block}")
    for i, (step, padding) in enumerate(((stride, "valid" if stride == 2 else "same"), (1, "same")), 1):
        if i == 2:
            x = activation(x)
        x = keras.layers.SeparableConv2D(
            filters, size, strides=step, padding=padding, use_bias=False, name=f"separable_conv_{i}_{block}"
        )(x)
        x = norm(x, f"separable_conv_{i}_bn_{block}", **NORM)
    return x


def _adjust(p: Any, x: Any, filters: int, block: str) -> Any:
    """The output of the cell before the last one, in the shape of the last one's."""
    if p is None:
        return x
    if p.shape[-2] != x.shape[-2]:
        p = activation(p, f"adjust_relu_1_{block}")
        parts = []
        for i in (1, 2):
            part = p
            if i == 2:
                part = pad(part, ((0, 1), (0, 1)))
                part = keras.layers.Cropping2D(((1, 0), (1, 0)))(part)
            part = keras.layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_{i}_{block}")(part)
            parts.append(_plain(part, filters // 2, f"adjust_conv_{i}_{block}"))
        return norm(keras.layers.concatenate(parts, axis=-1), f"adjust_bn_{block}", **NORM)
    if p.shape[-1] != filters:
        p = _plain(activation(p), filters, f"adjust_conv_projection_{block}")
        return norm(p, f"adjust_bn_{block}", **NORM)
    return p


def _average(x: Any, stride: int, name: str) -> Any:
    padding = "same" if stride == 1 else "valid"
    return keras.layers.AveragePooling2D(3, strides=stride, padding=padding, name=name)(x)


def _maximum(x: Any, name: str) -> Any:
    return keras.layers.MaxPooling2D(3, strides=2, name=name)(x)


def _normal(x: Any, p: Any, filters: int, block: str) -> tuple[Any, Any]:
    add = keras.layers.add
    p = _adjust(p, x, filters, block)
    h = norm(_plain(activation(x), filters, f"normal_conv_1_{block}"), f"normal_bn_1_{block}", **NORM)
    left, right = f"normal_left{{}}_{block}".format, f"normal_right{{}}_{block}".format
    name = f"normal_add_{{}}_{block}".format
    first = add([_separable(h, filters, 5, 1, left(1)), _separable(p, filters, 3, 1, right(1))], name=name(1))
    second = add([_separable(p, filters, 5, 1, left(2)), _separable(p, filters, 3, 1, right(2))], name=name(2))
    third = add([_average(h, 1, left(3)), p], name=name(3))
    fourth = add([_average(p, 1, left(4)), _average(p, 1, right(4))], name=name(4))
    fifth = add([_separable(h, filters, 3, 1, left(5)), h], name=name(5))
    parts = [p, first, second, third, fourth, fifth]
    return keras.layers.concatenate(parts, axis=-1, name=f"normal_concat_{block}"), x


def _reduction(x: Any, p: Any, filters: int, block: str) -> tuple[Any, Any]:
    add = keras.layers.add
    p = _adjust(p, x, filters, block)
    h = norm(_plain(activation(x), filters, f"reduction_conv_1_{block}"), f"reduction_bn_1_{block}", **NORM)
    padded = pad(h, correct_pad(h, 3), f"reduction_pad_1_{block}")
    left, right = f"reduction_left{{}}_{block}".format, f"reduction_right{{}}_{block}".format
    first = _separable(h, filters, 5, 2, left(1)), _separable(p, filters, 7, 2, right(1))
    first = add(list(first), name=f"reduction_add_1_{block}")
    second = _maximum(padded, left(2)), _separable(p, filters, 7, 2, right(2))
    second = add(list(second), name=f"reduction_add_2_{block}")
    third = _average(padded, 2, left(3)), _separable(p, filters, 5, 2, right(3))
    third = add(list(third), name=f"reduction_add3_{block}")
    fourth = add([second, _average(first, 1, left(4))])
    fifth = _separable(first, filters, 3, 1, left(4)), _maximum(padded, right(5))
    fifth = add(list(fifth), name=f"reduction_add4_{block}")
    parts = [second, third, fourth, fifth]
    return keras.layers.concatenate(parts, axis=-1, name=f"reduction_concat_{block}"), x


def _network(
    name: str, *, size: int, penultimate: int, blocks: int, stem: int, skip: bool, files: Callable[[bool], Weights]
) -> Callable[..., Any]:
    frame = Frame(size, files, head=dense_head(), channels_first=False)
    filters = penultimate // 24

    def body(x: Any) -> Any:
        x = conv(x, stem, 3, 2, use_bias=False, kernel_initializer="he_normal", name="stem_conv1")
        x, p = norm(x, "stem_bn1", **NORM), None
        x, p = _reduction(x, p, filters // 4, "stem_1")
        x, p = _reduction(x, p, filters // 2, "stem_2")
        for stage in range(3):
            if stage:
                x, before = _reduction(x, p, filters * 2**stage, f"reduce_{stage * blocks}")
                p = p if skip else before
            for i in range(blocks):
                x, p = _normal(x, p, filters * 2**stage, f"{stage * blocks + i + (stage > 0)}")
        return activation(x)

    @application(
        name,
        SOURCE,
        order="input_shape include_top weights input_tensor pooling classes classifier_activation name",
        name="nasnet_mobile" if size == 224 else "nasnet_large",
    )
    def build(**arguments: Any) -> Any:
        if size == 224 and not arguments["include_top"] and arguments["input_shape"] is None:
            arguments["input_shape"] = (224, 224, 3)
        return frame.build(body, **arguments)

    return build


def _files(kind: str, top: str, no_top: str) -> Callable[[bool], Weights]:
    def choose(include_top: bool) -> Weights:
        url = f"{BASE_URL}nasnet/NASNet-{kind}{'' if include_top else '-no-top'}.h5"
        return Weights(f"nasnet_{kind}{'' if include_top else '_no_top'}.h5", url, top if include_top else no_top)

    return choose


NASNetMobile = _network(
    "NASNetMobile",
    size=224,
    penultimate=1056,
    blocks=4,
    stem=32,
    skip=False,
    files=_files("mobile", "020fb642bf7360b370c678b08e0adf61", "1ed92395b5b598bdda52abe5c0dbfd63"),
)
NASNetLarge = _network(
    "NASNetLarge",
    size=331,
    penultimate=4032,
    blocks=6,
    stem=96,
    skip=True,
    files=_files("large", "11577c9a518f0070763c2b964a382f17", "d81d89dc07e6e56530c4e77faddd61b5"),
)
