"""Initializers: seeded values equal to real Keras 3, distributions, determinism, and users' initializers."""

from __future__ import annotations

import math
from functools import partial
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kjax.nn import initializers as ini
from tests.nn.together import Results

KEY = jax.random.key(0)

# Every class has a row; the names of the Keras classes and their arguments are ours.
SEEDED: list[Any] = [
    ini.RandomNormal(1.0, 2.0, seed=3),
    ini.TruncatedNormal(1.0, 2.0, seed=3),
    ini.RandomUniform(-1.0, 3.0, seed=3),
    ini.VarianceScaling(2.0, "fan_in", "truncated_normal", seed=3),
    ini.VarianceScaling(2.0, "fan_out", "untruncated_normal", seed=3),
    ini.VarianceScaling(2.0, "fan_avg", "uniform", seed=3),
    ini.VarianceScaling(seed=3, input_axes=(0, 2), output_axes=(1,)),
    ini.GlorotNormal(seed=3),
    ini.GlorotUniform(seed=3),
    ini.HeNormal(seed=3),
    ini.HeUniform(seed=3),
    ini.LecunNormal(seed=3),
    ini.LecunUniform(seed=3),
    ini.Orthogonal(2.0, seed=3),
]
FIXED: list[Any] = [
    ini.Zeros(),
    ini.Ones(),
    ini.Constant(),
    ini.Constant(0.3),
    ini.Identity(),
    ini.Identity(2.0),
]
STFTS: list[Any] = [
    ini.STFT(),
    ini.STFT("imag", "hamming", "spectrum", True),
    ini.STFT("real", None, None),
    ini.STFT("imag", (0.1, 0.5, 1.0, 0.8) * 4, None),
]


def twin(keras: ModuleType, ours: Any) -> Any:
    return getattr(keras.initializers, type(ours).__name__)(**ours.get_config())


SHAPE = (3, 3, 4, 8)


@pytest.fixture(scope="module")
def seeded(keras3: ModuleType) -> Results:
    ours = {repr(i): (lambda i=i: i(None, SHAPE), ()) for i in SEEDED}
    theirs = {("Keras", repr(i)): (lambda i=i: twin(keras3, i)(SHAPE), ()) for i in SEEDED}
    return Results({**ours, **theirs})


@pytest.mark.parametrize("name", [repr(i) for i in SEEDED])
def test_seeded_values_are_those_of_keras_on_jax(seeded: Results, name: str) -> None:
    np.testing.assert_allclose(seeded[name], seeded["Keras", name], rtol=1e-5, atol=1e-6)


def fixed_shape(ours: Any) -> tuple[int, ...]:
    return (16, 1, 9) if isinstance(ours, ini.STFT) else (3, 4)


@pytest.fixture(scope="module")
def fixed(keras3: ModuleType) -> Results:
    rows = FIXED + STFTS
    ours = {repr(i): (lambda i=i: i(None, fixed_shape(i)), ()) for i in rows}
    theirs = {("Keras", repr(i)): (lambda i=i: twin(keras3, i)(fixed_shape(i)), ()) for i in rows}
    return Results({**ours, **theirs})


@pytest.mark.parametrize("name", [repr(i) for i in FIXED + STFTS])
def test_fixed_values_are_those_of_keras(fixed: Results, name: str) -> None:
    # Keras takes sines of up to 15 pi, which float32 knows to 3e-6.
    atol = 4e-6 if name.startswith("STFT") else 0
    np.testing.assert_allclose(fixed[name], fixed["Keras", name], rtol=1e-6, atol=atol)


def test_long_fourier_kernels_are_exact() -> None:
    t, f = np.arange(2048)[:, None], np.arange(1025)[None]
    want = np.cos(2 * np.pi * t * f / 2048)
    np.testing.assert_allclose(ini.STFT(window=None)(None, (2048, 1, 1025))[:, 0], want, atol=1e-6)


def test_every_registered_class_has_a_row() -> None:
    known = {ini.registry.lookup(name) for name in ini.registry.names()}
    assert known - {ini.Initializer} == {type(row) for row in SEEDED + FIXED + STFTS}


@pytest.mark.parametrize("ours", SEEDED + FIXED + STFTS, ids=repr)
def test_is_a_value(ours: Any) -> None:
    same = type(ours).from_config(ours.get_config())
    assert same == ours
    assert hash(same) == hash(ours)


# (name, shape, mean, standard deviation, bound): fans of 128 inputs and 256 outputs, and of a convolution
# of 3 * 3 * 16 inputs and 3 * 3 * 32 outputs.
DENSE, CONV = (128, 256), (3, 3, 16, 32)
INFINITE = math.inf
DISTRIBUTIONS = [
    ("random_normal", DENSE, 0.0, 0.05, INFINITE),
    ("truncated_normal", DENSE, 0.0, 0.05 * 0.8796256610342398, 0.1),
    ("random_uniform", DENSE, 0.0, 0.1 / math.sqrt(12), 0.05),
    ("glorot_uniform", DENSE, 0.0, math.sqrt(2 / 384), math.sqrt(6 / 384)),
    ("glorot_uniform", CONV, 0.0, math.sqrt(2 / 432), math.sqrt(6 / 432)),
    ("glorot_normal", DENSE, 0.0, math.sqrt(2 / 384), 2 * math.sqrt(2 / 384) / 0.8796256610342398),
    ("he_uniform", DENSE, 0.0, math.sqrt(2 / 128), math.sqrt(6 / 128)),
    ("he_normal", CONV, 0.0, math.sqrt(2 / 144), 2 * math.sqrt(2 / 144) / 0.8796256610342398),
    ("lecun_uniform", CONV, 0.0, math.sqrt(1 / 144), math.sqrt(3 / 144)),
    ("lecun_normal", DENSE, 0.0, math.sqrt(1 / 128), 2 * math.sqrt(1 / 128) / 0.8796256610342398),
    ("variance_scaling", CONV, 0.0, math.sqrt(1 / 144), 2 * math.sqrt(1 / 144) / 0.8796256610342398),
]


@pytest.fixture(scope="module")
def draws() -> Results:
    def draw(name: str, shape: tuple[int, ...], key: Any) -> Any:
        return jax.vmap(lambda k: ini.get(name)(k, shape))(jax.random.split(key, 8))

    return Results({(row[0], row[1]): (partial(draw, row[0], row[1]), (KEY,)) for row in DISTRIBUTIONS})


@pytest.mark.parametrize(("name", "shape", "mean", "stddev", "bound"), DISTRIBUTIONS)
def test_distribution(
    draws: Results, name: str, shape: tuple[int, ...], mean: float, stddev: float, bound: float
) -> None:
    values = np.asarray(draws[name, shape], np.float64).ravel()
    error = stddev / math.sqrt(values.size)
    assert abs(values.mean() - mean) < 5 * error
    assert abs(values.std() / stddev - 1) < 5 / math.sqrt(2 * values.size)
    assert np.abs(values).max() <= bound * (1 + 1e-6)
    if bound < INFINITE:
        assert np.abs(values).max() > 0.99 * bound


@pytest.mark.parametrize(
    ("shape", "fans"),
    [
        ((), (1, 1)),
        ((7,), (7, 7)),
        (DENSE, (128, 256)),
        (CONV, (144, 288)),
        ((5, 16, 32), (80, 160)),
        ((2, 3, 4, 5, 6), (120, 144)),
    ],
)
def test_fans(shape: tuple[int, ...], fans: tuple[int, int]) -> None:
    assert ini.compute_fans(shape) == fans


def test_fans_of_named_axes() -> None:
    assert ini.compute_fans((2, 3, 5, 7), (0, 3), (1,)) == (14, 3)


@pytest.mark.parametrize("shape", [(6, 6), (8, 3), (3, 8), (3, 3, 2, 5), (2, 1, 2, 9)], ids=str)
def test_orthogonal(shape: tuple[int, ...]) -> None:
    q = np.asarray(ini.Orthogonal(gain=2.0)(KEY, shape), np.float64).reshape(-1, shape[-1])
    q = q if q.shape[0] >= q.shape[1] else q.T
    np.testing.assert_allclose(q.T @ q, 4 * np.eye(q.shape[1]), atol=1e-5)


def test_same_key_same_values_other_key_others() -> None:
    for name in ("glorot_uniform", "orthogonal", "truncated_normal"):
        draw = ini.get(name)
        a, b, c = (draw(jax.random.key(k), (4, 4)) for k in (1, 1, 2))
        assert (a == b).all()
        assert not (a == c).any()


def test_types_of_the_result() -> None:
    for ours in [*SEEDED, *FIXED]:
        shape = (4, 4, 4) if "input_axes=(" in repr(ours) else (4, 4)
        for dtype in (jnp.bfloat16, jnp.float16):
            assert jax.eval_shape(lambda o=ours, s=shape, d=dtype: o(KEY, s, d)).dtype == dtype


def test_a_random_initializer_needs_a_key_or_a_seed() -> None:
    with pytest.raises(ValueError, match="needs a key"):
        ini.GlorotUniform()(None, (2, 2))


def test_constant_arrays() -> None:
    matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
    ours = ini.Constant(matrix)
    np.testing.assert_array_equal(ours(None, (2, 3)), matrix)
    np.testing.assert_array_equal(ours(None, (4, 2, 3))[3], matrix)
    assert ours == ini.Constant(matrix.copy())
    assert ours != ini.Constant(matrix + 1)
    assert ours != ini.Constant(np.float64(1)) and ini.Constant(np.float64(1)) == ini.Constant(1.0)
    assert ini.Constant.from_config(ours.get_config()) == ours
    matrix[0, 0] = 9
    assert ours(None, (2, 3))[0, 0] == 0, "the array is copied"
    stored = {"class_name": "__numpy__", "config": {"value": [[1, 2]], "dtype": "float32"}}
    np.testing.assert_array_equal(ini.Constant.from_config({"value": stored})(None, (1, 2)), [[1, 2]])


def test_an_array_stands_for_its_values() -> None:
    for array in (np.eye(3, dtype=np.float32), jnp.eye(3)):
        given = ini.get(array)
        np.testing.assert_array_equal(given(KEY, (3, 3)), np.eye(3))
        assert given == ini.get(np.eye(3, dtype=np.float32))
        with pytest.raises(ValueError, match=r"shape \(3, 3\), the weight \(2, 2\)"):
            given(KEY, (2, 2))


class _KerasStyle:
    """What the Keras documentation tells users to write."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return np.full(shape, self.value, dtype)


class _Subclass(ini.Initializer):
    """The same as a subclass of the base class."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, shape: Any, dtype: Any = None) -> Any:  # type: ignore[override]
        return np.full(shape, self.value, dtype)


def _keras_function(shape: Any, dtype: Any = None) -> Any:
    return np.full(shape, 3.0, dtype)


KERAS_STYLE = [
    _KerasStyle(3.0),
    _Subclass(3.0),
    _keras_function,
    lambda shape, dtype=None: np.full(shape, 3.0, dtype),
    lambda shape: np.full(shape, 3.0),
    lambda s, dtype: np.full(s, 3.0, dtype),
    lambda shape, **options: np.full(shape, 3.0, options["dtype"]),
]
JAX_STYLE = [
    lambda key, shape, dtype=jnp.float32: jnp.full(shape, 3.0, dtype),
    lambda k, s, d: jnp.full(s, 3.0, d),
    lambda rng, shape, dtype: jnp.full(shape, 3.0, dtype),
    jax.nn.initializers.constant(3.0),
]


@pytest.mark.parametrize("index", range(len(KERAS_STYLE)))
def test_initializers_in_keras_form(index: int) -> None:
    wrapped = ini.get(KERAS_STYLE[index])
    assert isinstance(wrapped, ini.KerasInitializer)
    assert wrapped == ini.get(KERAS_STYLE[index])
    values = wrapped(KEY, (2, 3), jnp.bfloat16)
    assert (values.shape, values.dtype) == ((2, 3), jnp.bfloat16)
    assert (values == 3).all()


@pytest.mark.parametrize("index", range(len(JAX_STYLE)))
def test_initializers_in_jax_form_pass_through(index: int) -> None:
    assert ini.get(JAX_STYLE[index]) is JAX_STYLE[index]


def test_a_wrong_shape_is_reported() -> None:
    with pytest.raises(ValueError, match=r"returned shape \(9,\) for a weight of shape \(2, 3\)"):
        ini.get(lambda shape, dtype=None: np.zeros(9))(KEY, (2, 3))


def test_get() -> None:
    assert ini.get(None) is None
    assert ini.get("uniform") == ini.RandomUniform()
    assert ini.get("normal") == ini.RandomNormal()
    assert ini.get(ini.Zeros) == ini.get("zero") == ini.Zeros()
    assert ini.get(ini.HeNormal(seed=1)) == ini.HeNormal(1)
    keras2 = {"distribution": "normal", "mode": "fan_avg", "scale": 1.0, "seed": None}
    ours = ini.get({"class_name": "VarianceScaling", "config": keras2})
    assert ours == ini.VarianceScaling(1.0, "fan_avg", "truncated_normal")
    seeded = {"class_name": "SeedGenerator", "config": {"name": "s", "seed": 5}}
    assert ini.get({"class_name": "GlorotUniform", "config": {"seed": seeded}}) == ini.GlorotUniform(5)
    assert isinstance(ini.GlorotUniform(), ini.VarianceScaling)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: ini.VarianceScaling(scale=0),
            "VarianceScaling: Invalid value for argument `scale`: expected a positive number",
        ),
        (lambda: ini.VarianceScaling(mode="fan_inn"), "did you mean 'fan_in'"),
        (
            lambda: ini.VarianceScaling(distribution="gauss"),
            "VarianceScaling: Invalid value for argument `distribution`",
        ),
        (lambda: ini.RandomNormal(seed="x"), "RandomNormal: Invalid value for argument `seed`: expected an integer"),  # type: ignore[arg-type]
        (lambda: ini.Identity()(KEY, (2, 2, 2)), "for 2D matrices"),
        (lambda: ini.Orthogonal()(KEY, (2,)), "at least two-dimensional"),
        (lambda: ini.STFT(window="hanning!"), "STFT: Invalid value for argument `window`"),
        (lambda: ini.STFT(window=(1.0, 2.0))(KEY, (4, 1, 3)), r"shape \(2,\), the frames need \(4,\)"),
        (lambda: ini.Constant("a"), "Constant: Invalid value for argument `value`"),
    ],
)
def test_errors_name_the_argument(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
