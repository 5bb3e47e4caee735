"""What a student may learn from its teacher: final outputs, or features within."""

from __future__ import annotations

from typing import Any

from hornbeam import losses, ops, tree
from hornbeam.errors import InputError
from hornbeam.saving.objects import builtin, deserialize_keras_object, serialize_keras_object


class DistillationLoss:
    """The base of what compares a teacher with a student; derive from it and define `compute_loss`.

    Example:

    >>> import hornbeam
    >>> class SameMean(hornbeam.distillation.DistillationLoss):
    ...     def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
    ...         ops = hornbeam.ops
    ...         return ops.square(ops.mean(teacher_outputs) - ops.mean(student_outputs))
    >>> ones = hornbeam.ops.ones((2, 3))
    >>> float(SameMean().compute_loss(ones, 3 * ones))
    4.0
    """

    teacher_layer_name: str | None = None
    student_layer_name: str | None = None

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """A scalar that is small where the student is like its teacher.

        Args:
            teacher_outputs: what the teacher says, (batch, ...).
            student_outputs: what the student says, (batch, ...).
            **kwargs: for those that need more.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `compute_loss`.")

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Raise if the outputs cannot be compared.

        Args:
            teacher_outputs: what the teacher says.
            student_outputs: what the student says.

        Raises:
            InputError: if one says more things than the other, or in other shapes.
        """
        pairs = [tree.flatten(x) for x in (teacher_outputs, student_outputs)]
        shapes = [[tuple(x.shape) for x in outputs] for outputs in pairs]
        if shapes[0] != shapes[1]:
            raise InputError(
                f"{type(self).__name__} compares outputs of equal shapes; the teacher's are "
                f"{shapes[0]}, the student's {shapes[1]}."
            )

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        """Raise if there is nothing to compare in these models.

        Args:
            teacher: a model.
            student: a model.

        Raises:
            InputError: if a model lacks the layer that is to be compared.
        """


def _named_loss(loss: Any) -> Any:
    """Functions of labels and predictions, in the structure in which they were given."""
    found = tree.map_structure(lambda one: None if one is None else losses.get(one), loss)
    if all(one is None for one in tree.flatten(found)):
        raise InputError("A distillation loss needs a `loss`, such as 'mse', got None.")
    return found


def _mean(functions: Any, teacher_outputs: Any, student_outputs: Any) -> Any:
    """The sum over all outputs of the mean of their loss."""
    pairs = zip(tree.flatten(teacher_outputs), tree.flatten(student_outputs), strict=True)
    outputs, given = list(pairs), tree.flatten(functions)
    if len(given) not in (1, len(outputs)):
        raise InputError(f"There are {len(given)} losses for {len(outputs)} outputs.")
    given = given * len(outputs) if len(given) == 1 else given
    parts = [
        ops.mean(fn(of_teacher, of_student))
        for fn, (of_teacher, of_student) in zip(given, outputs, strict=True)
        if fn is not None
    ]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


@builtin("keras.distillation")
class LogitsDistillation(DistillationLoss):
    """``mean(loss(teacher / temperature, student / temperature))``, of the models' final outputs.

    Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network" (2015), soften probabilities
    by a temperature.  As in Keras, the outputs are divided and go to `loss` as they are: for the
    divergence of that paper let `loss` be a function that takes logits (see the example), since the mere
    name "kl_divergence" takes its arguments for probabilities.

    Args:
        temperature: what outputs are divided by, above 0; higher is softer.
        loss: the name of a loss or a function of two arrays; a list or dict for several outputs.

    Raises:
        InputError: if the temperature is not a positive number, or there is no loss.

    Example:

    >>> import hornbeam
    >>> from hornbeam import losses, ops
    >>> def softened(teacher, student):
    ...     return losses.kl_divergence(ops.softmax(teacher), ops.softmax(student))
    >>> loss = hornbeam.distillation.LogitsDistillation(temperature=2.0, loss=softened)
    >>> teacher, student = ops.convert_to_tensor([[4.0, 0.0]]), ops.convert_to_tensor([[0.0, 0.0]])
    >>> round(float(loss.compute_loss(teacher, student)), 3)
    0.328
    """

    def __init__(self, temperature: float = 3.0, loss: Any = "kl_divergence") -> None:
        if isinstance(temperature, bool) or not isinstance(temperature, (int, float)):
            raise InputError(f"`temperature` must be a number, got {temperature!r}.")
        if not temperature > 0:
            raise InputError(f"`temperature` must be above 0, got {temperature!r}.")
        self.temperature = temperature
        self.loss = _named_loss(loss)

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """The scalar loss; see the class.

        Args:
            teacher_outputs: what the teacher says, (batch, ...), or several of these.
            student_outputs: what the student says, in the same shapes.
            **kwargs: not used.
        """
        self.validate_outputs(teacher_outputs, student_outputs)
        outputs = (teacher_outputs, student_outputs)
        softened = [tree.map_structure(lambda x: x / self.temperature, one) for one in outputs]
        return _mean(self.loss, *softened)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {"temperature": self.temperature, "loss": serialize_keras_object(self.loss)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """From the result of `get_config`."""
        return cls(config["temperature"], deserialize_keras_object(config["loss"]))


@builtin("keras.distillation")
class FeatureDistillation(DistillationLoss):
    """``mean(loss(teacher, student))``, of the outputs of a layer in each of the models.

    Romero et al., "FitNets: hints for thin deep nets" (2014).  The shapes have to be equal; put a
    layer on top of the student's that brings them together where they are not.

    Args:
        loss: the name of a loss or a function of two arrays.
        teacher_layer_name: whose outputs to take in the teacher; None for the final ones.
        student_layer_name: whose outputs to take in the student; None for the final ones.

    Example:

    >>> import hornbeam
    >>> loss = hornbeam.distillation.FeatureDistillation("mse", "hidden", "hidden")
    >>> ones = hornbeam.ops.ones((2, 3))
    >>> float(loss.compute_loss(ones, 3 * ones))
    4.0
    """

    def __init__(
        self,
        loss: Any = "mse",
        teacher_layer_name: str | None = None,
        student_layer_name: str | None = None,
    ) -> None:
        self.loss = _named_loss(loss)
        self.teacher_layer_name = teacher_layer_name
        self.student_layer_name = student_layer_name

    def validate_model_compatibility(self, teacher: Any, student: Any) -> None:
        """Raise if one of the layers is not there.

        Args:
            teacher: a model.
            student: a model.

        Raises:
            InputError: naming the layers that there are, or saying that the model has no graph.
        """
        for role, model, name in (
            ("teacher", teacher, self.teacher_layer_name),
            ("student", student, self.student_layer_name),
        ):
            if name is None:
                continue
            known = [layer.name for layer in model.layers]
            if name not in known:
                raise InputError(f"The {role} has no layer {name!r}; it has {known}.")
            if getattr(model, "inputs", None) is None:
                raise InputError(
                    f"The {role} is no functional or Sequential model that has been built, so the "
                    f"outputs of its layer {name!r} cannot be had."
                )

    def compute_loss(self, teacher_outputs: Any, student_outputs: Any, **kwargs: Any) -> Any:
        """The scalar loss; see the class.

        Args:
            teacher_outputs: features of the teacher, (batch, ...).
            student_outputs: features of the student, the same shape.
            **kwargs: not used.
        """
        self.validate_outputs(teacher_outputs, student_outputs)
        return _mean(self.loss, teacher_outputs, student_outputs)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        return {
            "loss": serialize_keras_object(self.loss),
            "teacher_layer_name": self.teacher_layer_name,
            "student_layer_name": self.student_layer_name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """From the result of `get_config`."""
        return cls(**{**config, "loss": deserialize_keras_object(config["loss"])})


__all__ = ["DistillationLoss", "FeatureDistillation", "LogitsDistillation"]
