"""Checkpoints of a state: what is given up, what is damaged, what older versions wrote, what killed processes left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest

from kjax import nn, train
from kjax.train import checkpoint

MODULE = nn.chain([nn.Dense(64, "relu"), nn.BatchNormalization(), nn.Dense(3, "softmax")])
OBJECTIVE = train.Objective.of("sparse_categorical_crossentropy", ["accuracy"])


def state(seed: int) -> Any:
    """A fresh state."""
    return train.create_state(MODULE, OBJECTIVE, "adam", np.ones((1, 50), "float32"), seed=seed)


def same(one: Any, other: Any) -> None:
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        np.testing.assert_array_equal(a, b)


def damage(folder: Path) -> None:
    """Cut the largest file in half."""
    largest = max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[: largest.stat().st_size // 2])


def test_what_is_given_up_is_used(tmp_path: Path) -> None:
    kept, checkpoints = state(1), train.Checkpoints(tmp_path)
    checkpoints.save(3, kept, {"epoch": 2})
    of_jax = state(2)
    restored, metadata = checkpoints.restore(of_jax, donate=True)
    same(restored, kept)
    assert metadata == {"epoch": 2}
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(of_jax.params))
    on_host = state(2)
    on_host = on_host.replace(params=jax.tree.map(np.array, on_host.params))
    restored, _ = checkpoints.restore(on_host, donate=True)
    same(restored, kept)
    same(on_host.params, kept.params)
    untouched = state(2)
    checkpoints.restore(untouched)
    same(untouched, state(2))


def test_a_damaged_checkpoint_gives_way_to_an_older_one(tmp_path: Path) -> None:
    checkpoints = train.Checkpoints(tmp_path)
    for number in (4, 8):
        checkpoints.save(number, state(number), {"number": number}, {"more": np.arange(number)})
    damage(tmp_path / "8" / "state")
    like = state(0)
    with pytest.warns(UserWarning, match=r"checkpoint 8 .* damaged.*checkpoint 4, an older one, is taken"):
        restored, metadata = checkpoints.restore(like)
    same(restored, state(4))
    same(like, state(0))
    assert metadata == {"number": 4}
    with pytest.raises(train.CheckpointError, match="checkpoint 8"):
        checkpoints.restore(like, 8)
    checkpoints.save(6, state(6))  # training goes on behind the older one
    with pytest.warns(UserWarning, match="checkpoint 6, an older one"):
        same(checkpoints.restore(like)[0], state(6))
    checkpoints.save(8, state(8))
    same(checkpoints.restore(like)[0], state(8))
    for folder in tmp_path.glob("[0-9]"):
        (folder / "metadata" / "metadata").write_text('{"number"')
    with pytest.raises(train.CheckpointError, match="checkpoint 8"):
        checkpoints.restore(like)


def test_checkpoints_as_they_were_written_before(tmp_path: Path) -> None:
    kept, args = state(1), ocp.args
    arrays = {name: np.asarray(leaf) for name, leaf in checkpoint._named(kept).items()}
    with ocp.CheckpointManager(tmp_path / "old") as manager:
        items = {"state": args.StandardSave(arrays), "metadata": args.JsonSave({"a": 1})}
        manager.save(5, args=args.Composite(**items, extra=args.StandardSave({"more": np.arange(3)})))
    checkpoints = train.Checkpoints(tmp_path / "old")
    restored, metadata = checkpoints.restore(state(2), donate=True)
    same(restored, kept)
    assert metadata == {"a": 1}
    np.testing.assert_array_equal(checkpoints.extra({"more": ((3,), "int64")})["more"], np.arange(3))


def test_what_a_killed_process_left_goes(tmp_path: Path) -> None:
    train.Checkpoints(tmp_path).save(1, state(1))
    left = tmp_path / "2.orbax-checkpoint-tmp"
    left.mkdir()
    (left / "part").write_bytes(b"x")
    checkpoints = train.Checkpoints(tmp_path)
    same(checkpoints.restore(state(0))[0], state(1))
    assert not left.exists()
