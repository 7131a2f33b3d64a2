"""Distiller: a model that trains a student by the targets and by what its teacher says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from kjax.keras import losses as keras_losses
from kjax.keras import metrics as keras_metrics
from kjax.keras import ops, tree
from kjax.keras.distillation.losses import DistillationLoss
from kjax.keras.models import Model, Sequential
from kjax.keras.saving.serialization import deserialize_keras_object, serialize_keras_object

_losses: Any = keras_losses
_metrics: Any = keras_metrics

FINAL = "final_output"


class Distiller(Model):
    """Trains a student; its loss is a weighted sum of the student's own and of its distance from the teacher.

    ``student_loss_weight * loss(y, student(x)) + (1 - student_loss_weight) * sum(weight * distillation_loss)``. Predictions are
    the student's, the teacher is frozen; ``fit`` reports ``student_loss``, ``distillation_loss`` and ``total_loss``. The trained
    model is ``distiller.student``.

    Args:
        teacher: a trained model.
        student: the model to train, with the same inputs and outputs.
        distillation_losses: one or several of :class:`DistillationLoss`.
        distillation_loss_weights: a number for each; 1 by default.
        student_loss_weight: from 0 (the teacher alone) to 1 (the targets alone).
        name: its name.
        **kwargs: those of every model.

    Raises:
        ValueError: models whose inputs or outputs differ, weights out of range, or losses that do not fit the models.
    """

    def __init__(
        self,
        teacher: Any,
        student: Any,
        distillation_losses: DistillationLoss | Sequence[DistillationLoss],
        distillation_loss_weights: Sequence[float] | None = None,
        student_loss_weight: float = 0.5,
        name: str | None = "distiller",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        for who, model in (("Teacher", teacher), ("Student", student)):
            if not isinstance(model, Model):
                raise ValueError(f"{who} must be a keras.Model, received {model!r} (a {type(model).__name__})")
        _need_equal(teacher, student)
        if isinstance(student_loss_weight, bool) or not isinstance(student_loss_weight, (int, float)):
            raise ValueError(f"student_loss_weight must be a number, received {student_loss_weight!r}")
        if not 0.0 <= student_loss_weight <= 1.0:
            raise ValueError(f"student_loss_weight must be between 0.0 and 1.0, received {student_loss_weight}")
        if distillation_losses is None:
            raise ValueError(
                "'distillation_losses' cannot be `None`: give a LogitsDistillation, a FeatureDistillation, or a list of such"
            )
        several = isinstance(distillation_losses, (list, tuple))
        self.distillation_losses: list[Any] = list(distillation_losses) if several else [distillation_losses]  # pyright: ignore
        weights = (
            [1.0] * len(self.distillation_losses) if distillation_loss_weights is None else distillation_loss_weights
        )
        if len(weights) != len(self.distillation_losses):
            raise ValueError(
                f"Number of distillation_loss_weights ({len(weights)}) must match number of distillation_losses "
                f"({len(self.distillation_losses)})"
            )
        self.distillation_loss_weights = list(weights)
        self.student_loss_weight = student_loss_weight
        for loss in self.distillation_losses:
            loss.validate_model_compatibility(teacher, student)
        self.teacher, self.student = teacher, student
        self._extractors = tuple(map(self._extractor, ("teacher", "student"), (teacher, student)))
        teacher.trainable = False
        self.student_loss_tracker = _metrics.Mean(name="student_loss")
        self.distillation_loss_tracker = _metrics.Mean(name="distillation_loss")
        self.total_loss_tracker = _metrics.Mean(name="total_loss")
        self._student_loss: Any = None

    def _members(self) -> Any:
        """The two models; those that look inside are made of layers of theirs."""
        return (entry for entry in super()._members() if entry[1] not in self.__dict__.get("_extractors", ()))

    def _extractor(self, who: str, model: Any) -> Any:
        """A model of the outputs of the layers that the losses name, and of the last ones; None where they name none."""
        names = [getattr(loss, f"{who}_layer_name", None) for loss in self.distillation_losses]
        wanted = list(dict.fromkeys(name for name in names if name is not None))
        if not wanted:
            return None
        last = model.layers[-1].output if isinstance(model, Sequential) else model.output
        outputs = {FINAL: last} | {name: model.get_layer(name=name).output for name in wanted}
        return Model(inputs=model.inputs, outputs=outputs, name=f"{model.name}_multi_feature_extractor")

    def compile(self, optimizer: Any = "adam", loss: Any = None, metrics: Any = None, **kwargs: Any) -> None:
        """Set how the student is trained.

        Args:
            optimizer: of the student.
            loss: the student's own loss, between targets and outputs; in the structure of the outputs where there are several.
            metrics: further metrics.
            **kwargs: those of ``Model.compile``.

        Raises:
            ValueError: no loss, or metrics that are no list.
        """
        if loss is None:
            raise ValueError("'loss' cannot be `None`: it is the student's loss between targets and outputs")
        if metrics is not None and not isinstance(metrics, (list, tuple)):
            raise ValueError(f"metrics must be a list or tuple, received {type(metrics).__name__}")
        self._student_loss = tree.map_structure(
            lambda item: _losses.get(item) if isinstance(item, (str, dict)) else item, loss
        )
        super().compile(optimizer=optimizer, loss=None, metrics=metrics, **kwargs)

    def get_compile_config(self) -> dict[str, Any]:
        """What :meth:`compile_from_config` needs to compile an equal distiller."""
        config = super().get_compile_config()
        return {**config, "loss": serialize_keras_object(self._student_loss)} if config else config

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Compile as :meth:`get_compile_config` says; Keras 3.15.1 writes no loss, so its distillers have to be compiled."""
        if config.get("loss") is not None:
            super().compile_from_config(config)

    def build(self, input_shape: Any = None) -> None:
        """Make the weights of both models for inputs of a shape."""
        for model in (self.teacher, self.student):
            if not model.built:
                model.build(input_shape)
        self.built = True

    def call(self, inputs: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """The student's outputs."""
        return self.student(inputs, training=training, **kwargs)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """The loss of a batch.

        Args:
            x: inputs.
            y: targets; None counts the teacher alone.
            y_pred: the student's outputs; computed where they are not given.
            sample_weight: weights of the samples in the student's loss.
            training: the mode.
        """
        y_pred = self(x, training=training) if y_pred is None else y_pred
        share = self.student_loss_weight
        own = self._own_loss(y, y_pred, sample_weight) if share > 0.0 and y is not None else 0.0
        distance = self._distance(x, y_pred) if share < 1.0 else 0.0
        total = ops.add(ops.multiply(share, own), ops.multiply(1.0 - share, distance))
        self.student_loss_tracker.update_state(own)
        self.distillation_loss_tracker.update_state(distance)
        self.total_loss_tracker.update_state(total)
        return total

    def _own_loss(self, y: Any, y_pred: Any, sample_weight: Any) -> Any:
        def one(loss: Any, target: Any, output: Any) -> Any:
            if isinstance(loss, _losses.Loss):
                return loss(target, output, sample_weight=sample_weight)
            values = loss(target, output)
            return ops.mean(values if sample_weight is None else values * ops.reshape(sample_weight, (-1,)))

        return sum(tree.flatten(tree.map_structure(one, self._student_loss, y, y_pred)))

    def _distance(self, x: Any, y_pred: Any) -> Any:
        """The weighted sum of the distances from the teacher."""
        of_teacher, of_student = self._extractors
        teacher = {FINAL: self.teacher(x, training=False)} if of_teacher is None else of_teacher(x, training=False)
        student = {} if of_student is None else of_student(x, training=True)
        total: Any = 0.0
        for loss, weight in zip(self.distillation_losses, self.distillation_loss_weights, strict=True):
            features = teacher[getattr(loss, "teacher_layer_name", None) or FINAL]
            name = getattr(loss, "student_layer_name", None)
            outputs = y_pred if name is None else student[name]
            loss.validate_outputs(features, outputs)
            value = loss.compute_loss(features, outputs)
            if getattr(value, "shape", ()) != ():
                raise ValueError(
                    f"Distillation loss {type(loss).__name__} returned a non-scalar loss with shape {tuple(value.shape)}: its "
                    "`compute_loss` must return a scalar"
                )
            total = ops.add(total, ops.multiply(weight, value))
        return total

    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal distiller."""
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize_keras_object(self.dtype_policy),
            "teacher": serialize_keras_object(self.teacher),
            "student": serialize_keras_object(self.student),
            "distillation_losses": [serialize_keras_object(loss) for loss in self.distillation_losses],
            "distillation_loss_weights": self.distillation_loss_weights,
            "student_loss_weight": self.student_loss_weight,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """Make a distiller from what :meth:`get_config` returned."""
        config = dict(config)
        for key in ("teacher", "student"):
            config[key] = deserialize_keras_object(config[key], custom_objects)
        config["distillation_losses"] = [
            deserialize_keras_object(loss, custom_objects) for loss in config["distillation_losses"]
        ]
        return cls(**config)


def _need_equal(teacher: Any, student: Any) -> None:
    """Refuse models whose inputs or outputs differ in number, shape or type.

    Raises:
        ValueError: they do.
    """
    for what in ("inputs", "outputs"):
        theirs, own = getattr(teacher, what, None), getattr(student, what, None)
        if theirs is None or own is None:  # a model that is written as a class
            continue
        if len(theirs) != len(own):
            raise ValueError(f"Teacher has {len(theirs)} {what}, the student {len(own)}: they must be the same")
        for a, b in zip(theirs, own, strict=True):
            if len(a.shape) != len(b.shape):
                raise ValueError(
                    f"Teacher and student {what[:-1]} shapes have different dimensions. Teacher: {a.shape}, Student: {b.shape}."
                )
            if any(p is not None and q is not None and p != q for p, q in zip(a.shape, b.shape, strict=True)):
                raise ValueError(
                    f"Teacher and student {what[:-1]} shapes are incompatible. Teacher: {a.shape}, Student: {b.shape}. "
                    "All dimensions must match."
                )
            if a.dtype != b.dtype:
                raise ValueError(
                    f"Teacher and student {what[:-1]} dtypes must match. Teacher: {a.dtype}, Student: {b.dtype}."
                )
