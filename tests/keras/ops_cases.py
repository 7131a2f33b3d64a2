"""Calls of the functions of ``keras.ops``: each is made on real Keras and on kjax, and must give the same."""

from __future__ import annotations

from typing import Any

import numpy as np

_rng = np.random.default_rng(0)


def floats(*shape: int) -> np.ndarray:
    return _rng.uniform(0.1, 0.9, shape).astype("float32")


def ints(*shape: int, high: int = 5) -> np.ndarray:
    return _rng.integers(0, high, shape).astype("int32")


class Call:
    """A call: name of the function, positional and keyword arguments."""

    def __init__(self, name: str, *args: Any, **kwargs: Any) -> None:
        self.name, self.args, self.kwargs = name, args, kwargs

    def __repr__(self) -> str:
        return f"{self.name}({len(self.args)} args, {', '.join(f'{k}={v!r}' for k, v in self.kwargs.items())})"


X = floats(2, 3)
Y = floats(2, 3)
V = floats(4)
I = ints(2, 3)  # noqa: E741
J = ints(2, 3) + 1
B = I > 2
SPD = np.array([[4.0, 1.0], [1.0, 3.0]], "float32")
BATCH = np.stack([SPD, SPD * 2])
NAN = np.array([[1.0, np.nan, 3.0], [np.nan, 2.0, 0.5]], "float32")
IMAGES = floats(2, 6, 5, 3)

UNARY = (
    "abs absolute angle arccos arcsin arcsinh arctan arctanh bitwise_invert=i bitwise_not=i cbrt ceil conj conjugate copy cos "
    "cosh deg2rad exp exp2 expm1 fabs floor i0 imag isfinite isinf isnan isneginf isposinf isreal log log10 log1p log2 "
    "logical_not negative rad2deg ravel real reciprocal round sign signbit sin sinc sinh sqrt square tan tanh trunc "
    "relu relu6 sigmoid=f sparse_sigmoid softplus softsign soft_shrink sparse_plus silu=f swish=f squareplus log_sigmoid leaky_relu "
    "hard_sigmoid hard_silu hard_swish elu selu gelu celu tanh_shrink hard_tanh hard_shrink softmax=f log_softmax=f "
    "erf=f erfc=f erfinv=f rsqrt=f nan_to_num zeros_like ones_like transpose squeeze fliplr flipud flip sort argsort "
    "nonzero unique ndim size logsumexp=f normalize=f"
)
BINARY = (
    "add arctan2 divide divide_no_nan equal floor_divide fmax fmin fmod gcd=i greater greater_equal heaviside hypot inner=fi "
    "isclose lcm=i less less_equal logaddexp logaddexp2 logical_and logical_or logical_xor maximum minimum mod multiply "
    "nextafter=f not_equal power subtract true_divide vdot outer append kron bitwise_and=i bitwise_or=i bitwise_xor=i "
    "bitwise_left_shift=i bitwise_right_shift=i left_shift=i right_shift=i isin allclose"
)
REDUCTIONS = (
    "all amax amin any argmax argmin average count_nonzero cumprod cumsum max mean median min nanargmax nanargmin nancumprod "
    "nancumsum nanmax nanmean nanmedian nanmin nanprod nanstd nansum nanvar prod ptp std sum var"
)


def _table() -> list[Call]:
    calls = []
    for text, count in ((UNARY, 1), (BINARY, 2)):
        for item in text.split():
            name, _, kinds = item.partition("=")
            for kind, arrays in (("f", (X, Y)), ("i", (I, J))):
                if kind in (kinds or "fi"):
                    calls.append(Call(name, *arrays[:count]))
    for name in REDUCTIONS.split():
        calls += [Call(name, X), Call(name, I, axis=1), Call(name, X, axis=0)]
        if name not in ("average", "count_nonzero") and not name.startswith(("cum", "nancum")):
            calls.append(Call(name, X, axis=-1, keepdims=True))
    return calls


NUMPY = [
    *_table(),
    Call("arccosh", X + 1),
    Call("add", B, B),
    Call("sum", B),
    Call("mean", B, axis=0),
    Call("clip", B, 0, 1),
    Call("nanmean", NAN, axis=1),
    Call("nansum", NAN),
    Call("nanmax", NAN, axis=0, keepdims=True),
    Call("arange", 5),
    Call("arange", 1, 4, 0.5),
    Call("arange", 3, dtype="float32"),
    Call("array", [[1, 2], [3, 4]]),
    Call("array_split", V, 3),
    Call("argpartition", V, 2),
    Call("average", X, axis=1, weights=Y),
    Call("bartlett", 5),
    Call("blackman", 5),
    Call("hamming", 5),
    Call("hanning", 5),
    Call("kaiser", 5, 2.0),
    Call("bincount", np.array([0, 1, 1, 3]), minlength=6),
    Call("bincount", np.array([[0, 1, 1], [2, 2, 2]]), weights=X, minlength=4),
    Call("broadcast_to", V, (3, 4)),
    Call("clip", X, 0.2, 0.6),
    Call("clip", I, 1, 3),
    Call("concatenate", [X, Y], axis=1),
    Call("concatenate", [X, I]),
    Call("corrcoef", X),
    Call("correlate", V, V, mode="same"),
    Call("cross", X, Y),
    Call("diag", V),
    Call("diag", SPD, k=1),
    Call("diagflat", X),
    Call("diagonal", floats(2, 3, 4), offset=1, axis1=1, axis2=2),
    Call("diff", X, n=2),
    Call("digitize", V, np.array([0.2, 0.5], "float32")),
    Call("dot", X, Y.T),
    Call("dsplit", floats(1, 2, 4), 2),
    Call("dstack", [X, Y]),
    Call("einsum", "ab,cb->ac", X, Y),
    Call("empty_like", X),
    Call("expand_dims", X, 1),
    Call("expand_dims", X, (0, 2)),
    Call("eye", 3, 4, k=1),
    Call("flip", X, axis=1),
    Call("full", (2, 2), 3),
    Call("full_like", X, 2, dtype="int32"),
    Call("geomspace", 1.0, 8.0, num=4),
    Call("get_item", X, (slice(None), 1)),
    Call("histogram", V, bins=3, range=(0.0, 1.0)),
    Call("hsplit", X, [1]),
    Call("hstack", [X, Y]),
    Call("identity", 3),
    Call("isclose", X, X + 1e-6, rtol=1e-3),
    Call("ldexp", X, I),
    Call("linspace", 0, 1, num=5, endpoint=False),
    Call("linspace", 0.0, 1.0, num=5, retstep=True),
    Call("logspace", 0, 2, num=3, base=2),
    Call("matmul", X, Y.T),
    Call("matmul", I.astype("int8"), J.T.astype("int8")),
    Call("max", X, axis=1, initial=0.5),
    Call("meshgrid", V, V[:2], indexing="ij"),
    Call("moveaxis", floats(2, 3, 4), 0, -1),
    Call("nan_to_num", NAN, nan=7.0),
    Call("nanpercentile", NAN, 30.0, axis=1),
    Call("nanquantile", NAN, 0.3),
    Call("ones", (2, 3)),
    Call("zeros", 3, dtype="int32"),
    Call("pad", X, ((0, 1), (2, 0)), constant_values=5),
    Call("pad", X, ((1, 1), (1, 1)), mode="reflect"),
    Call("percentile", X, [20.0, 50.0], axis=0),
    Call("quantile", X, [0.2, 0.5], axis=1, keepdims=True),
    Call("quantile", X, 0.5, method="nearest"),
    Call("repeat", X, 2, axis=1),
    Call("repeat", X, np.array([1, 2]), axis=0),
    Call("reshape", X, (3, -1)),
    Call("roll", X, 1, axis=1),
    Call("rot90", X, k=3),
    Call("round", X * 100, decimals=-1),
    Call("round", I * 13, decimals=-1),
    Call("searchsorted", np.sort(V), X, side="right"),
    Call("select", [X > 0.5, X > 0.2], [X, X * 2], default=9.0),
    Call("slogdet", SPD),
    Call("split", V, [1, 3]),
    Call("split", V, 2),
    Call("squeeze", X[None], axis=0),
    Call("stack", [X, Y], axis=1),
    Call("swapaxes", X, 0, 1),
    Call("take", X, ints(2, 2, high=3), axis=1),
    Call("take_along_axis", X, ints(2, 1, high=3), axis=1),
    Call("tensordot", X, Y, axes=[[1], [1]]),
    Call("tile", X, (2, 1)),
    Call("trace", SPD),
    Call("transpose", floats(2, 3, 4), (1, 2, 0)),
    Call("trapezoid", X, dx=0.5),
    Call("tri", 3, k=1),
    Call("tril", SPD),
    Call("triu", SPD, k=1),
    Call("unique", I, return_counts=True, return_inverse=True),
    Call("unravel_index", np.array([1, 5]), (2, 3)),
    Call("vander", V, N=3),
    Call("view", X, dtype="int32"),
    Call("vsplit", X, 2),
    Call("vstack", [X, Y]),
    Call("where", X > 0.5, X, 0.0),
    Call("where", I > 2, 1, 0),
]
NN = [
    Call("average_pool", IMAGES, 2, strides=1, padding="same"),
    Call("max_pool", IMAGES, (2, 3), strides=(2, 1), data_format="channels_first"),
    Call("adaptive_average_pool", IMAGES, (3, 2), data_format="channels_last"),
    Call("adaptive_max_pool", IMAGES, 2, data_format="channels_first"),
    Call("batch_normalization", X, V[:3], V[1:], -1, offset=V[:3], scale=V[1:]),
    Call("binary_crossentropy", X, Y),
    Call("binary_crossentropy", X, Y, from_logits=True),
    Call("categorical_crossentropy", X, Y),
    Call("categorical_crossentropy", X, Y, from_logits=True, axis=0),
    Call("sparse_categorical_crossentropy", np.array([0, 2]), X),
    Call("sparse_categorical_crossentropy", np.array([[1], [0]]), X, from_logits=True),
    Call("celu", X - 0.5, alpha=0.7),
    Call("elu", X - 0.5, alpha=0.7),
    Call("gelu", X, approximate=False),
    Call("glu", floats(2, 4)),
    Call("leaky_relu", X - 0.5, negative_slope=0.1),
    Call("threshold", X, 0.5, 2.0),
    Call("softmax", floats(2, 2, 3), axis=(1, 2)),
    Call("softmax", X, axis=None),
    Call("conv", IMAGES, floats(3, 2, 3, 4), strides=2, padding="same"),
    Call("conv", floats(2, 7, 4), floats(3, 2, 6), dilation_rate=2),
    Call("conv_transpose", floats(2, 3, 3, 2), floats(3, 3, 4, 2), strides=2, padding="same", output_padding=1),
    Call("conv_transpose", floats(2, 3, 2), floats(2, 4, 2), strides=3),
    Call("depthwise_conv", IMAGES, floats(2, 2, 3, 2), padding="same"),
    Call("separable_conv", IMAGES, floats(2, 2, 3, 1), floats(1, 1, 3, 4)),
    Call("depth_to_space", floats(1, 2, 2, 8), 2),
    Call("space_to_depth", floats(1, 3, 4, 4), 2, data_format="channels_first"),
    Call("unfold", floats(1, 2, 4, 5), (2, 3), padding=1, stride=2),
    Call("fold", floats(1, 8, 4), (3, 3), 2),
    Call("dot_product_attention", floats(2, 3, 2, 4), floats(2, 5, 2, 4), floats(2, 5, 2, 4)),
    Call(
        "dot_product_attention", floats(2, 3, 4, 4), floats(2, 3, 2, 4), floats(2, 3, 2, 4), is_causal=True, scale=0.3
    ),
    Call("one_hot", np.array([0, 2, -1]), 3),
    Call("one_hot", I, 5, axis=0, dtype="int32"),
    Call("multi_hot", np.array([[0, 2], [1, 1]]), 4),
    Call("moments", X, axes=[0]),
    Call("moments", IMAGES, axes=(0, 1, 2), keepdims=True),
    Call("layer_normalization", X, V[:3], V[1:]),
    Call("layer_normalization", IMAGES, axis=(1, 2)),
    Call("rms_normalization", X, V[:3]),
    Call("normalize", X, axis=0, order=3),
    Call("psnr", X, Y, 1.0),
    Call("polar", X, Y),
    Call(
        "ctc_loss",
        np.array([[1, 2, 2], [3, 1, 0]]),
        floats(2, 6, 4),
        np.array([3, 2]),
        np.array([6, 5]),
    ),
    Call("ctc_decode", floats(2, 5, 4) * 5, np.array([5, 3])),
    Call("ctc_decode", floats(2, 5, 4), np.array([5, 4]), "beam_search", beam_width=30, top_paths=3, mask_index=3),
]
MATH = [
    Call("segment_sum", X, np.array([0, 1]), num_segments=3),
    Call("segment_max", V, np.array([0, 0, 1, 1]), num_segments=2, sorted=True),
    Call("segment_min", V, np.array([0, 0, 1, 1]), num_segments=2),
    Call("segment_prod", V, np.array([0, 0, 1, 1]), num_segments=2),
    Call("top_k", X, 2),
    Call("in_top_k", np.array([0, 2]), X, 2),
    Call("logsumexp", X, axis=1, keepdims=True),
    Call("cdist", X, floats(4, 3)),
    Call("extract_sequences", floats(2, 9), 4, 2),
    Call("fft", (X, Y)),
    Call("fft2", (X, Y)),
    Call("ifft2", (X, Y)),
    Call("rfft", X, fft_length=4),
    Call("irfft", (X, Y)),
    Call("stft", floats(2, 20), 6, 3, 8),
    Call("stft", floats(20), 6, 3, 8, window="hamming", center=False),
    Call("istft", (floats(2, 7, 5), floats(2, 7, 5)), 6, 3, 8),
    Call("istft", (floats(7, 5), floats(7, 5)), 6, 3, 8, length=15),
    Call("istft", (floats(7, 5), floats(7, 5)), 8, 4, 8, window=None),
    Call("logdet", SPD),
    Call("view_as_complex", floats(3, 2)),
    Call("view_as_real", floats(3).astype("complex64")),
    Call("cholesky", BATCH),
    Call("cholesky", SPD, upper=True),
    Call("cholesky_inverse", np.tril(SPD)),
    Call("cholesky_inverse", np.triu(SPD), upper=True),
    Call("det", BATCH),
    Call("eigh", SPD),
    Call("inv", BATCH),
    Call("lu_factor", BATCH),
    Call("norm", X),
    Call("norm", X, ord=1, axis=1, keepdims=True),
    Call("norm", I, ord="fro"),
    Call("qr", floats(3, 2)),
    Call("solve", SPD, V[:2]),
    Call("solve_triangular", np.tril(SPD), floats(2, 1), lower=True),
    Call("svd", floats(3, 2), compute_uv=False),
    Call("lstsq", floats(4, 2), V),
    Call("matrix_rank", np.ones((3, 3), "float32")),
    Call("pinv", floats(3, 2)),
    Call("eig", SPD),
]
CORE = [
    Call("cast", X * 3, "int32"),
    Call("saturate_cast", np.array([-3.0, 2.5, 300.0], "float32"), "uint8"),
    Call("saturate_cast", I - 2, "uint8"),
    Call("convert_to_tensor", [1, 2], dtype="float32"),
    Call("convert_to_tensor", [1.5, 2]),
    Call("convert_to_numpy", X),
    Call("scatter", np.array([[0, 1], [1, 0], [0, 1]]), V[:3], (2, 3)),
    Call("scatter_update", X, np.array([[0, 1], [1, 2]]), V[:2]),
    Call("scatter_update", X, np.array([[0, 1], [0, 1]]), V[:2], reduction="add"),
    Call("scatter_update", X, np.array([[0, 1]]), V[:1], reduction="max"),
    Call("slice", X, (0, 1), (2, 2)),
    Call("slice", X, (1, 0), (-1, 2)),
    Call("slice_update", X, (1, 1), SPD[:1, :2]),
    Call("unstack", X, axis=1),
    Call("stop_gradient", X),
    Call("rearrange", floats(2, 6, 3), "b (h k) c -> b h (c k)", k=2),
    Call("shape", X),
    Call("dtype", X),
]
IMAGE = [
    Call("image.rgb_to_grayscale", IMAGES),
    Call("image.rgb_to_grayscale", (IMAGES * 255).astype("uint8")),
    Call("image.rgb_to_hsv", IMAGES),
    Call("image.hsv_to_rgb", IMAGES[0]),
    Call("image.resize", IMAGES, (3, 4)),
    Call("image.resize", IMAGES, (3, 3), interpolation="bicubic", antialias=True),
    Call("image.resize", IMAGES, (4, 2), crop_to_aspect_ratio=True),
    Call("image.resize", IMAGES, (8, 3), pad_to_aspect_ratio=True, fill_value=0.5),
    Call("image.resize", IMAGES[0], (3, 9), "nearest", pad_to_aspect_ratio=True),
    Call("image.resize", (IMAGES * 255).astype("uint8"), (9, 9), "bicubic"),
    Call(
        "image.affine_transform",
        IMAGES,
        np.array([[0.8, 0.1, 0.5, -0.2, 1.1, 0.3, 0, 0], [1, 0.3, -1, 0.1, 0.7, 1, 0, 0]], "float32"),
        fill_mode="reflect",
    ),
    Call("image.affine_transform", IMAGES[0], np.array([1, 0.2, 0, 0, 1, 1, 0, 0], "float32"), "nearest"),
    Call(
        "image.perspective_transform",
        IMAGES[0],
        np.array([[0, 0], [0, 4], [3, 0], [4, 4]], "float32"),
        np.array([[0, 0], [0, 4], [4, 0], [4, 4]], "float32"),
    ),
    Call("image.map_coordinates", X, np.array([[0.5, 1.0], [1.5, 2.6]], "float32"), 1, "nearest"),
    Call("image.extract_patches", IMAGES, (3, 2), strides=1, padding="same"),
    Call("image.extract_patches_3d", floats(1, 4, 4, 4, 2), 2),
    Call("image.pad_images", IMAGES, 1, 2, target_height=9, target_width=8),
    Call("image.crop_images", IMAGES, top_cropping=1, left_cropping=1, target_height=3, target_width=2),
    Call("image.gaussian_blur", IMAGES, (3, 5), (1.0, 0.5), data_format="channels_last"),
    Call("image.elastic_transform", floats(2, 6, 6, 1), alpha=2.0, sigma=0.5, seed=3),
    Call("image.scale_and_translate", X, (3, 4), V[:2], V[1:3], (0, 1), "linear"),
    Call("image.sobel_edges", IMAGES),
    Call("image.ssim", floats(2, 12, 12, 3), floats(2, 12, 12, 3)),
]
CASES = {"numpy": NUMPY, "nn": NN, "math": MATH, "core": CORE, "image": IMAGE}

BY_HAND = (
    "associative_scan cond sparsemax custom_gradient fori_loop is_tensor jvp map scan switch vectorize vectorized_map while_loop empty"
).split()
"""Functions of functions, and what has no value to compare: other tests call them."""
