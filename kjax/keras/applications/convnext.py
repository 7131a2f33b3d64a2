"""ConvNeXt: Tiny, Small, Base, Large and XLarge."""

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
    channel_axis,
    conv,
    preprocessing,
)
from kjax.keras.applications.imagenet_utils import decode_predictions as decode_predictions

SOURCE = "Liu et al., 2022, 'A ConvNet for the 2020s'."
EPSILON = 1e-6
SCALE = 1e-6
"""Start of the factors of the residual branches."""

# Depths and widths of the stages, checksums.
VARIANTS = {
    "Tiny": (
        (3, 3, 9, 3),
        (96, 192, 384, 768),
        "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
        "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
    ),
    "Small": (
        (3, 3, 27, 3),
        (96, 192, 384, 768),
        "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
        "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
    ),
    "Base": (
        (3, 3, 27, 3),
        (128, 256, 512, 1024),
        "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
        "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
    ),
    "Large": (
        (3, 3, 27, 3),
        (192, 384, 768, 1536),
        "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
        "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
    ),
    "XLarge": (
        (3, 3, 27, 3),
        (256, 512, 1024, 2048),
        "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
        "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
    ),
}

preprocess_input = preprocessing(None)


class LayerScale(keras.layers.Layer):
    """A trained factor for each channel.

    Args:
        init_values: start of the factors.
        projection_dim: number of channels.
        **kwargs: of the layer.
    """

    def __init__(self, init_values: float, projection_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.init_values = init_values
        self.projection_dim = projection_dim

    def build(self, input_shape: Any) -> None:
        """Make the factors."""
        del input_shape
        start = keras.initializers.Constant(self.init_values)
        self.gamma = self.add_weight(shape=(self.projection_dim,), initializer=start, trainable=True, name="gamma")

    def call(self, inputs: Any) -> Any:
        """Scale the channels."""
        return inputs * self.gamma.value.reshape((1,) * (inputs.ndim - 1) + (-1,))

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal layer."""
        return {**super().get_config(), "init_values": self.init_values, "projection_dim": self.projection_dim}


def _normalized(x: Any, name: str | None = None) -> Any:
    return keras.layers.LayerNormalization(epsilon=EPSILON, name=name)(x)


def _block(inputs: Any, width: int, name: str) -> Any:
    x = conv(inputs, width, 7, padding="same", groups=width, name=f"{name}_depthwise_conv")
    x = _normalized(x, f"{name}_layernorm")
    x = keras.layers.Dense(4 * width, name=f"{name}_pointwise_conv_1")(x)
    x = keras.layers.Dense(width, name=f"{name}_pointwise_conv_2")(activation(x, f"{name}_gelu", "gelu"))
    x = LayerScale(SCALE, width, name=f"{name}_layer_scale")(x)
    return inputs + activation(x, f"{name}_identity", "linear")


def _network(variant: str) -> Callable[..., Any]:
    depths, widths, top, no_top = VARIANTS[variant]
    usual = f"convnext_{variant.lower()}"

    def files(include_top: bool) -> Weights:
        file = f"{usual}{'' if include_top else '_notop'}.h5"
        return Weights(file, f"{BASE_URL}convnext/{file}", top if include_top else no_top)

    @application(
        f"ConvNeXt{variant}",
        SOURCE,
        order="include_top include_preprocessing weights input_tensor input_shape pooling classes "
        "classifier_activation name",
        more="\n    include_preprocessing: normalize pictures from 0 to 255 inside the network.",
        include_preprocessing=True,
        name=usual,
    )
    def build(*, include_preprocessing: bool, name: str, **arguments: Any) -> Any:
        layers = keras.layers

        def between(i: int) -> Any:
            """What halves the picture before stage ``i``."""
            if i == 0:
                first = layers.Conv2D(widths[0], 4, strides=4, name=f"{name}_stem_conv")
                norm = layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_stem_layernorm")
                return keras.Sequential([first, norm], name=f"{name}_stem")
            norm = layers.LayerNormalization(epsilon=EPSILON, name=f"{name}_downsampling_layernorm_{i - 1}")
            down = layers.Conv2D(widths[i], 2, strides=2, name=f"{name}_downsampling_conv_{i - 1}")
            return keras.Sequential([norm, down], name=f"{name}_downsampling_block_{i - 1}")

        def body(x: Any) -> Any:
            if include_preprocessing and x.shape[channel_axis()] == 3:
                x = layers.Normalization(
                    mean=[0.485 * 255, 0.456 * 255, 0.406 * 255],
                    variance=[(0.229 * 255) ** 2, (0.224 * 255) ** 2, (0.225 * 255) ** 2],
                    name=f"{name}_prestem_normalization",
                )(x)
            for i, (depth, width) in enumerate(zip(depths, widths, strict=True)):
                x = between(i)(x)
                for j in range(depth):
                    x = _block(x, width, f"{name}_stage_{i}_block_{j}")
            return x

        def head(x: Any, classes: int, function: Any) -> Any:
            x = _normalized(layers.GlobalAveragePooling2D(name=f"{name}_head_gap")(x), f"{name}_head_layernorm")
            return layers.Dense(classes, activation=function, name=f"{name}_head_dense")(x)

        frame = Frame(224, files, head=head, channels_first=False, finish=_normalized)
        return frame.build(body, name=name, **arguments)

    return build


ConvNeXtTiny, ConvNeXtSmall, ConvNeXtBase, ConvNeXtLarge, ConvNeXtXLarge = (_network(variant) for variant in VARIANTS)
