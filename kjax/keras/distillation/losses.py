"""What a student has to have in common with its teacher: the last outputs, or those of layers inside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

from kjax.keras import losses as keras_losses
from kjax.keras import ops, tree
from kjax.keras.saving.serialization import deserialize_keras_object, serialize_keras_object

_losses: Any = keras_losses


class DistillationLoss:
    """Base of losses between the outputs of a teacher and those of a student: a subclass writes :meth:`compute_loss`."""

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """The loss.

        Args:
            teacher_outputs: an array, or arrays in the structure of the model's outputs.
            student_outputs: the same of the student.
            **kwargs: whatever a subclass takes.

        Returns:
            A scalar.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has to write `compute_loss(teacher_outputs, student_outputs)`"
        )

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Refuse outputs that cannot be compared.

        Raises:
            ValueError: their structures differ.
        """
        try:
            tree.assert_same_structure(teacher_outputs, student_outputs)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{type(self).__name__}: the outputs of teacher and student differ in structure: {error}"
            ) from error

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        """Refuse models for which the loss makes no sense; any do by default."""

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal loss."""
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make a loss from what :meth:`get_config` returned."""
        return cls(**config)


class _ByLosses(DistillationLoss):
    """Losses of Keras between corresponding outputs, summed.

    Args:
        loss: a loss by name, as an object or a function; or such in the structure of the outputs, None for outputs that do
            not count.
    """

    def __init__(self, loss: Any) -> None:
        self.loss = tree.map_structure(_as_function, loss)
        if all(function is None for function in tree.flatten(self.loss)):
            raise ValueError(f"{type(self).__name__}: argument `loss` must hold at least one loss that is not None")

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Refuse outputs that cannot be compared, or that are not structured as the losses are.

        Raises:
            ValueError: the structures differ.
        """
        super().validate_outputs(teacher_outputs, student_outputs)
        try:
            tree.assert_same_structure(self.loss, teacher_outputs)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{type(self).__name__}: Loss structure mismatch: the losses must be structured as the outputs: {error}"
            ) from error

    def _sum(self, function: Callable[[Any, Any, Any], Any], teacher_outputs: Any, student_outputs: Any) -> Any:
        """The sum of ``function(loss, teacher, student)`` over the outputs that count."""
        values = tree.map_structure(
            lambda loss, teacher, student: 0.0 if loss is None else ops.mean(function(loss, teacher, student)),
            self.loss,
            teacher_outputs,
            student_outputs,
        )
        return ops.sum(ops.stack(tree.flatten(values)))

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make a loss from what :meth:`get_config` returned."""
        return cls(**{**config, "loss": deserialize_keras_object(config["loss"])})


class FeatureDistillation(_ByLosses):
    """The outputs of a layer of the student are to be those of a layer of the teacher.

    Args:
        loss: ``'mse'``, ...; see :class:`DistillationLoss`. Losses such as ``'cosine_similarity'`` compare directions.
        teacher_layer_name: name of the teacher's layer; its last outputs by default.
        student_layer_name: name of the student's layer; its last outputs by default.

    Raises:
        ValueError: no loss.
    """

    def __init__(
        self, loss: Any = "mse", teacher_layer_name: str | None = None, student_layer_name: str | None = None
    ) -> None:
        super().__init__(loss)
        self.teacher_layer_name, self.student_layer_name = teacher_layer_name, student_layer_name

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        """Refuse models that have no such layers.

        Raises:
            ValueError: no such layer, or a model that is written as a class, whose layers have no outputs of their own.
        """
        for who, model, name in (
            ("teacher", teacher, self.teacher_layer_name),
            ("student", student, self.student_layer_name),
        ):
            if name is None:
                continue
            if getattr(model, "inputs", None) is None:
                raise ValueError(
                    f"FeatureDistillation: the {who} model {model.name!r} is written as a class (subclassed), so the outputs "
                    f"of its layer {name!r} are not known; leave the layer names out, or use a Functional or Sequential model"
                )
            try:
                model.get_layer(name=name)
            except ValueError as error:
                raise ValueError(f"In {who} model: {error}") from error

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """The loss between what the two layers give."""
        del kwargs
        return self._sum(lambda loss, teacher, student: loss(teacher, student), teacher_outputs, student_outputs)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal loss."""
        return {
            "loss": serialize_keras_object(self.loss),
            "teacher_layer_name": self.teacher_layer_name,
            "student_layer_name": self.student_layer_name,
        }


class LogitsDistillation(_ByLosses):
    """The student's logits are to be the teacher's, both divided by a temperature.

    With the Kullback-Leibler divergence, the default, the softmax of both is compared and the loss multiplied by the square of
    the temperature (Hinton, Vinyals and Dean, 2015, arXiv:1503.02531). Keras 3.15.1 does so for the object
    ``KLDivergence()`` only, and compares logits where the loss is given by its name.

    Args:
        temperature: higher ones make softer targets; usually 3 to 5.
        loss: see :class:`DistillationLoss`.

    Raises:
        ValueError: no loss, or a temperature that is not positive.
    """

    def __init__(self, temperature: float = 3.0, loss: Any = "kl_divergence") -> None:
        super().__init__(loss)
        if isinstance(temperature, bool) or not isinstance(temperature, (int, float)):
            raise ValueError(f"LogitsDistillation: temperature must be a number, received {temperature!r}")
        if temperature <= 0.0:
            raise ValueError(f"LogitsDistillation: temperature must be positive, received {temperature}")
        self.temperature = temperature

    def _between(self, loss: Any, teacher: Any, student: Any) -> Any:
        teacher, student = teacher / self.temperature, student / self.temperature
        if not (isinstance(loss, _losses.KLDivergence) or loss is _losses.kl_divergence):
            return loss(teacher, student)
        return loss(ops.softmax(teacher, axis=-1), ops.softmax(student, axis=-1)) * self.temperature**2

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """The loss between the logits."""
        del kwargs
        return self._sum(self._between, teacher_outputs, student_outputs)

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal loss."""
        return {"temperature": self.temperature, "loss": serialize_keras_object(self.loss)}


def _as_function(loss: Any) -> Any:
    return loss if loss is None or (callable(loss) and not isinstance(loss, str)) else _losses.get(loss)
