"""The optimizer protocol (that of Optax, as a value), the registry of optimizers, and ``get``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self, TypeAlias, cast

import jax
import optax
from jaxtyping import Array

from kjax.nn.optimizers.state import OptimizerState
from kjax.nn.value import Registry, Value

Visit: TypeAlias = Callable[[Array], Array]


class Optimizer(Value):
    """Base of all optimizers: a value with Optax's protocol.

    ``init(params)`` makes the state, ``update(grads, state, params)`` returns the updates, which are added to
    the parameters (``optax.apply_updates``), and the next state. Both are pure and may be compiled. The
    learning rate is part of the state.
    """

    name: str | None

    def init(self, params: Any) -> OptimizerState:
        """The state at the start of training.

        Args:
            params: tree of the parameters (arrays, or ``jax.ShapeDtypeStruct`` under ``jax.eval_shape``).
        """
        raise NotImplementedError(f"{type(self).__name__} must define `init`")

    def update(
        self, grads: Any, state: OptimizerState, params: Any = None, **extra_args: Any
    ) -> tuple[Any, OptimizerState]:
        """One step.

        Args:
            grads: tree of gradients (of the loss that :meth:`scale_loss` returned).
            state: from :meth:`init` or the last ``update``.
            params: tree of the parameters.
            **extra_args: what other transformations of an ``optax.chain`` take; passed on to wrapped ones.

        Returns:
            The updates, to be added to ``params``, and the next state.

        Raises:
            ValueError: ``params`` is missing, or the trees do not match.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `update`")

    @property
    def structure(self) -> Self:
        """What compiled steps depend on: this optimizer without a numeric learning rate and without its name.

        Optimizers that differ only in these have equal structures, and ``update`` of the structure works with
        the state of any of them. Call ``init`` on the optimizer itself, since the state holds the number.
        """
        return self

    def scale_loss(self, state: OptimizerState, loss: Any) -> Any:
        """The loss to differentiate: scaled up where ``update`` divides the gradients by the same factor."""
        del state
        return loss

    def finalize(self, state: OptimizerState, params: Any) -> Any:
        """The parameters to use after training: their moving average where one is kept, else ``params``."""
        del state
        return params

    def visit_variables(self, state: OptimizerState, params: Any, order: Sequence[int], visit: Visit) -> OptimizerState:
        """Pass every number of the state through ``visit``, in the order of Keras' ``optimizer.variables``.

        Args:
            state: the state.
            params: tree of the parameters (only its structure and shapes are used).
            order: the indices of the leaves of ``params`` in the order in which Keras counts the weights.
            visit: from an array to an array of the same shape.

        Returns:
            The state with what ``visit`` returned.
        """
        del params, order
        leaves, treedef = jax.tree.flatten(state)
        return treedef.unflatten([visit(leaf) for leaf in leaves])

    def transform(self) -> optax.GradientTransformationExtraArgs:
        """This optimizer as an Optax transformation, to be combined with others by ``optax.chain``."""
        return optax.GradientTransformationExtraArgs(cast(Any, self.init), cast(Any, self.update))


registry = Registry("optimizer", Optimizer)


def get(identifier: Any) -> Any:
    """Resolve an optimizer.

    Args:
        identifier: a name in any case (``'sgd'``), a config dict ``{'class_name': ..., 'config': {...}}``, an
            optimizer, an optimizer class, an Optax transformation, or None (stays None).

    Raises:
        ValueError: unknown name, or something that is no optimizer.
    """
    if isinstance(identifier, optax.GradientTransformation):
        return registry.lookup("OptaxOptimizer")(identifier)
    found = registry.get(identifier)
    if found is None or isinstance(found, Optimizer):
        return found
    raise ValueError(
        f"cannot use {identifier!r} as an optimizer: expected a name, a config, an optimizer of "
        "kjax.nn.optimizers or an Optax transformation"
    )


def one(identifier: Any) -> Optimizer:
    """Converter of arguments that are optimizers: as :func:`get`, but not None."""
    found = get(identifier)
    if found is None:
        raise TypeError("expected an optimizer, received None")
    return found


def flatten(params: Any, owner: Optimizer) -> tuple[list[str], list[Any], Any]:
    """Paths ('dense/kernel'), leaves and tree definition of the parameters.

    Raises:
        ValueError: ``params`` is None; the message names the ``owner``.
    """
    if params is None:
        name = type(owner).__name__
        raise ValueError(f"{name} needs the parameters: call `update(grads, state, params)`")
    pairs, treedef = jax.tree_util.tree_flatten_with_path(params)
    paths = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in pairs]
    return paths, [leaf for _, leaf in pairs], treedef


def check_gradients(grads: Any, treedef: Any, owner: Optimizer) -> list[Array]:
    """The leaves of the gradients.

    Raises:
        ValueError: their tree is not ``treedef``, that of the parameters.
    """
    found = jax.tree.structure(grads)
    if found != treedef:
        raise ValueError(
            f"{type(owner).__name__}.update: the gradients must be a tree like the parameters; "
            f"gradients: {found}, parameters: {treedef}"
        )
    return jax.tree.leaves(grads)
