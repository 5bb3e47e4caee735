"""`Trainer`: compile, fit, evaluate and predict, once for all engines and all kinds of models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hornbeam import ops, optimizers, tree
from hornbeam.autodiff import value_and_grad
from hornbeam.backends import registry
from hornbeam.backends.protocol import Backend
from hornbeam.backends.symbolic import KerasTensor, not_recording
from hornbeam.errors import InputError, UnsupportedError
from hornbeam.layers import state
from hornbeam.layers.call_context import get_mask, set_mask
from hornbeam.metrics import Mean, Metric
from hornbeam.optimizers import Optimizer
from hornbeam.saving.objects import deserialize_keras_object, serialize_keras_object
from hornbeam.tracebacks import short
from hornbeam.training import loops, streaming
from hornbeam.training.cached_steps import CachedSteps
from hornbeam.training.checks import check_targets
from hornbeam.training.compiled import CompiledLoss, CompiledMetrics
from hornbeam.training.data import unpack_x_y_sample_weight
from hornbeam.training.data.weights import with_class_weight
from hornbeam.training.functions import run_once
from hornbeam.training.logs import to_host
from hornbeam.training.steps import in_context
from hornbeam.training.styles import plain_step
from hornbeam.variables import Variable, recording_writes


class Trainer(CachedSteps):
    """The training half of a model.

    Override `train_step`, `test_step`, `predict_step`, `compute_loss` or `compute_metrics` to change
    what happens in a step; the loops, the data and the callbacks stay as they are.
    """

    _untracked: frozenset[str] = frozenset(
        {
            "optimizer",
            "_compile_loss",
            "_compile_metrics",
            "_loss_tracker",
            "_steps_cache",
            "history",
            "stop_training",
        }
    )

    def __init__(self) -> None:
        self.optimizer: Any = None
        self.stop_training = False
        self.history: Any = None
        self._compiled = False
        self._compile_loss: CompiledLoss | None = None
        self._compile_metrics: CompiledMetrics | None = None
        self._loss_tracker: Mean | None = None
        self._compile_arguments: dict[str, Any] = {}
        self._run_eagerly = False
        self._steps_cache: dict[Any, Any] = {}
        self.steps_per_execution = 1
        self.jit_compile: Any = "auto"
        self._forget_functions()

    # -------------------------------------------------------------------------------------- compile

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Say how the model learns and what is measured.

        Args:
            optimizer: a name such as "adam", or an optimizer.
            loss: a name such as "mse", a loss object or a function ``loss(y_true, y_pred)``; for several
                outputs a list or a dict of them.
            loss_weights: factors of the losses, likewise.
            metrics: names such as "accuracy", metric objects or functions; for several outputs a list
                of lists or a dict.
            weighted_metrics: as `metrics`, but they see sample and class weights.
            run_eagerly: run steps as they are written, so that a debugger can stop in them.
            steps_per_execution: batches between two calls of batch callbacks.
            jit_compile: whether to compile steps; "auto" means as the engine does it best.  On an engine
                that has graphs besides compiled code, False means a graph and True compiled code; on one
                that runs eagerly, False means that small steps are not replayed without their Python.
            auto_scale_loss: whether a float16 model gets a loss-scaling optimizer.

        Raises:
            UnknownNameError: (a ValueError) for an unknown name, listing the nearest.
        """
        if not isinstance(steps_per_execution, int) or steps_per_execution < 1:
            raise InputError(
                f"`steps_per_execution` must be a positive int, got {steps_per_execution!r}."
            )
        self._compile_arguments = {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
        }
        self.optimizer = optimizers.get(optimizer)
        policy = getattr(getattr(self, "dtype_policy", None), "name", "")
        if auto_scale_loss and policy == "mixed_float16" and self.optimizer is not None:
            if not isinstance(self.optimizer, optimizers.LossScaleOptimizer):
                self.optimizer = optimizers.LossScaleOptimizer(self.optimizer)
        names = self._output_names_or_none()
        self._compile_loss = None if loss is None else CompiledLoss(loss, loss_weights, names)
        self._compile_metrics = None
        if metrics is not None or weighted_metrics is not None:
            self._compile_metrics = CompiledMetrics(metrics, weighted_metrics, names)
        self._loss_tracker = Mean(name="loss")
        self._run_eagerly = bool(run_eagerly)
        self.steps_per_execution = steps_per_execution
        self.jit_compile = jit_compile
        self._compiled = True
        self.stop_training = False
        self._forget_compiled()
        self._forget_functions()

    def _output_names_or_none(self) -> list[str] | None:
        try:
            return list(self.output_names)  # type: ignore[attr-defined]
        except AttributeError:
            return None

    @property
    def compiled(self) -> bool:
        """Whether `compile` has been called."""
        return self._compiled

    @property
    def run_eagerly(self) -> bool:
        """Whether steps run as they are written."""
        return self._run_eagerly

    @run_eagerly.setter
    def run_eagerly(self, value: bool) -> None:
        self._run_eagerly = bool(value)
        self._forget_compiled()

    @property
    def loss(self) -> Any:
        """The `loss` that `compile` was given."""
        return self._compile_arguments.get("loss")

    def get_compile_config(self) -> dict[str, Any] | None:
        """The arguments of `compile`, as a config."""
        if not self._compiled:
            return None
        config = dict(self._compile_arguments)
        config["optimizer"] = self.optimizer
        return {key: serialize_keras_object(value) for key, value in config.items()}

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Compile with the result of `get_compile_config`."""
        from hornbeam.saving.objects import compiles_on_load

        if not config or not compiles_on_load():
            return
        known = (
            "optimizer",
            "loss",
            "loss_weights",
            "metrics",
            "weighted_metrics",
            "run_eagerly",
            "steps_per_execution",
            "jit_compile",
        )
        arguments = {key: deserialize_keras_object(config[key]) for key in known if key in config}
        self.compile(**arguments)
        if getattr(self, "built", False):
            self.optimizer.build(self.trainable_variables)  # type: ignore[attr-defined]

    def _assert_compiled(self, what: str) -> None:
        if not self._compiled:
            overridden = type(self).compute_loss is not Trainer.compute_loss
            hint = " (`compile()` without a loss is enough here)" if overridden else ""
            raise InputError(
                f"Model {self.name!r} must be compiled before {what}(): "  # type: ignore[attr-defined]
                f'call `model.compile(optimizer="adam", loss=...)` first{hint}.'
            )

    # -------------------------------------------------------------------------- what a step consists of

    def train_step(self, data: Any) -> dict[str, Any]:
        """Learn from one batch; override it for another way of learning.

        One of your own may also be ``train_step(self, state, data)``, see `hornbeam.training.styles`.

        Args:
            data: the batch as it was given: ``x``, ``(x, y)`` or ``(x, y, sample_weight)``;
                `hornbeam.utils.unpack_x_y_sample_weight` takes all of them.

        Returns:
            The logs: name -> scalar.
        """
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred, grads = self._learn(x, y, sample_weight)
        self._update(grads)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def _learn(self, x: Any, y: Any, sample_weight: Any) -> tuple[Any, list[Any]]:
        """(the outputs, the gradients); the loss is tracked."""

        def forward() -> Any:
            y_pred = self(x, training=True)  # type: ignore[operator]
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred, sample_weight=sample_weight)
            masks = tree.map_structure(get_mask, y_pred)
            return self.optimizer.scale_loss(loss), (loss, y_pred, masks)

        variables = self.trainable_variables  # type: ignore[attr-defined]
        grads: list[Any] = []
        if variables:
            (_, (loss, y_pred, masks)), grads = value_and_grad(forward, has_aux=True)(variables)
        else:
            _, (loss, y_pred, masks) = forward()
        tree.map_structure(set_mask, y_pred, masks)
        self._track_loss(loss, x)
        return y_pred, grads

    def _update(self, grads: list[Any]) -> None:
        if grads:
            self.optimizer.apply(grads, self.trainable_variables)  # type: ignore[attr-defined]

    def _measured(self, data: Any) -> tuple[dict[str, Any], list[Any]]:
        """`train_step` without the update: the logs and the gradients."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred, grads = self._learn(x, y, sample_weight)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight), grads

    def test_step(self, data: Any) -> dict[str, Any]:
        """Measure one batch; override it for another way of measuring.

        Args:
            data: ``(x, y, sample_weight)``, None for what is not given.

        Returns:
            The logs: name -> scalar.
        """
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self(x, training=False)  # type: ignore[operator]
        loss = self.compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False
        )
        self._track_loss(loss, x)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def predict_step(self, data: Any) -> Any:
        """The outputs for one batch."""
        x, _, _ = unpack_x_y_sample_weight(data)
        return self(x, training=False)  # type: ignore[operator]

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The scalar that training makes smaller: the compiled losses plus `losses`.

        Args:
            x: the inputs.
            y: the targets.
            y_pred: the outputs.
            sample_weight: weights of the rows, or None.
            training: whether this is a training step.
        """
        loss = None
        if self._compile_loss is not None:
            loss = self._compile_loss(y, y_pred, sample_weight)
        for extra in self.losses:  # type: ignore[attr-defined]
            total = ops.sum(ops.cast(extra, "float32"))
            loss = total if loss is None else loss + total
        if loss is None:
            raise InputError(
                f"Model {self.name!r} has nothing to learn from: "  # type: ignore[attr-defined]
                "give `compile(loss=...)`, call `add_loss()` in a layer, or override `compute_loss()`."
            )
        return loss

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Update the compiled metrics and return all results."""
        if self._compile_metrics is not None:
            self._compile_metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """Name -> value, of the loss and all metrics."""
        results: dict[str, Any] = {}
        for metric in self.metrics:
            result = metric.result()
            if isinstance(result, Mapping):
                results.update(result)
            else:
                results[metric.name] = result
        if self._compile_metrics is not None and self._compile_metrics.built:
            plain = {id(m) for m in self._compile_metrics.metrics}
            own = {m.name: m for m in self.metrics if id(m) not in plain}
            results = {key: value for key, value in results.items() if key in own}
            results.update(self._compile_metrics.result())
        return results

    def _track_loss(self, loss: Any, x: Any) -> None:
        if self._loss_tracker is None:
            return
        first = next(
            (leaf for leaf in tree.flatten(x) if hasattr(leaf, "shape") and leaf.shape), None
        )
        rows = 1 if first is None or first.shape[0] is None else first.shape[0]
        self._loss_tracker.update_state(loss, sample_weight=rows)

    # ------------------------------------------------------------------------------------------ metrics

    @property
    def metrics(self) -> list[Metric]:
        """The loss tracker, the compiled metrics, and the metrics of the layers."""
        return state.found_on(self, "metrics of the trainer", self._find_metrics)

    def _find_metrics(self) -> list[Metric]:
        found: list[Metric] = [] if self._loss_tracker is None else [self._loss_tracker]
        if self._compile_loss is not None:
            found += self._compile_loss.metrics
        found += [
            m
            for layer in self._flatten_layers()  # type: ignore[attr-defined]
            for m in state.own_metrics(layer)
        ]
        if self._compile_metrics is not None:
            found += self._compile_metrics.metrics
        return state.unique(found)

    @property
    def metrics_names(self) -> list[str]:
        """The keys of the logs, in order."""
        return list(self.get_metrics_result())

    def reset_metrics(self) -> None:
        """Forget what the metrics have seen."""
        for metric in self.metrics:
            metric.reset_state()

    # -------------------------------------------------------------------------------------------- state

    def _model_backend(self) -> Backend:
        backend = getattr(self, "_backend", None)
        if backend is None:
            weights = self.weights  # type: ignore[attr-defined]
            backend = weights[0].backend if weights else registry.current()
        assert isinstance(backend, Backend)
        return backend

    def _optimizers(self) -> list[Any]:
        others = list(state.members(self, (Optimizer,)))
        return state.unique([o for o in [self.optimizer, *others] if o is not None])

    def _state_variables(self) -> list[Variable]:
        """Every variable that a step may touch."""
        model: Any = self
        found = [*model.variables]
        found += [v for metric in self.metrics for v in metric.variables]
        found += [v for optimizer in self._optimizers() for v in optimizer.variables]
        return state.unique(found)

    def _prepare(self, data: Any, kind: str) -> None:
        """Make every variable that a step on `data` needs, before anything is compiled."""
        model: Any = self
        x, y, _ = unpack_x_y_sample_weight(data)
        default = _overrides(self, kind) is None
        layers_built = model.built and all(layer.built for layer in model._flatten_layers())
        if layers_built and not default and all(o.built for o in self._optimizers()):
            self._build_compiled_symbolically(x, y, optional=True)
            return
        if not layers_built:
            self._build_layers(x)
        if default:
            self._build_compiled_symbolically(x, y)
        else:
            self._build_compiled_symbolically(x, y, optional=True)
            with recording_writes() as writes:  # a dry run makes what an own step needs
                step = plain_step(self, kind, True)
                in_context(step, self, kind == "train")(_on_engine(data, self._model_backend()))
            writes.undo()

    def _build_layers(self, x: Any) -> None:
        model: Any = self
        symbolic = tree.map_structure(_like, x)
        try:
            with not_recording():
                model(symbolic)
        except Exception as error:
            if _overrides(self, "train") is None and _overrides(self, "test") is None:
                error.add_note(
                    f"This happened while model {model.name!r} was built for the input {symbolic}."
                )
                raise
            return  # an own train_step may call its layers in its own way
        model.built = True

    def _build_compiled_symbolically(self, x: Any, y: Any, optional: bool = False) -> None:
        model: Any = self
        loss, metrics = self._compile_loss, self._compile_metrics
        needs = (loss is not None and not loss.built) or (metrics is not None and not metrics.built)
        if needs:
            try:
                with not_recording():
                    y_pred = model.compute_output_spec(tree.map_structure(_like, x))
            except Exception:
                if not optional:
                    raise
                return
            model._clear_losses()
            if loss is not None and not loss.built:
                loss.build(y_pred)
            if metrics is not None and not metrics.built:
                metrics.build(y, y_pred, loss)
            self._forget_compiled()
        if self.optimizer is not None and not self.optimizer.built:
            with registry.on(self._model_backend()):
                self.optimizer.build(model.trainable_variables)
            self._forget_compiled()

    # ------------------------------------------------------------------------------------ the big loops

    @short
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        checkpoint: Any = None,
        resume: bool = True,
    ) -> Any:
        """Train the model.

        Args:
            x: the inputs: arrays of shape ``(rows, ...)``, a list or dict of them, or an iterable of
                batches (x, y) or (x, y, sample_weight).
            y: the targets, if `x` is arrays.
            batch_size: rows per step, 32 by default.
            epochs: the epoch to train up to; an epoch is one pass over the data.
            verbose: 0 prints nothing, 1 a progress bar, 2 one line per epoch; "auto" is 1 in a terminal
                or notebook and 2 elsewhere.
            callbacks: a list of callbacks.
            validation_split: the fraction of the rows, taken from the end, to validate on.
            validation_data: (x, y) or (x, y, sample_weight), or an iterable of batches, to validate on.
            shuffle: whether to take the rows in a new order each epoch ("batch": whole batches).
            class_weight: class -> factor of the loss for rows of that class; with several outputs a dict
                of such dicts.
            sample_weight: factors of the loss, one per row.
            initial_epoch: the epoch to start from.
            steps_per_epoch: batches per epoch, if not all.
            validation_steps: batches to validate on, if not all.
            validation_batch_size: rows per validation batch; `batch_size` by default.
            validation_freq: validate after every so many epochs, or after the epochs of a list
                (counted from 1).
            checkpoint: a directory, or a `RunCheckpoint`: the whole run is written there as it goes, and
                a run that was interrupted goes on from there as if it had not been.
            resume: whether to go on from what is there; False begins anew.

        Returns:
            A `History`: ``.history`` maps each log to its values, one per epoch.

        Raises:
            InputError: (a ValueError) saying what is wrong with the data.
        """
        self._assert_compiled("fit")
        return loops.fit(
            self,
            x,
            y,
            batch_size,
            epochs,
            verbose,
            callbacks,
            validation_split,
            validation_data,
            shuffle,
            class_weight,
            sample_weight,
            initial_epoch,
            steps_per_epoch,
            validation_steps,
            validation_batch_size,
            validation_freq,
            checkpoint,
            resume,
        )

    @short
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Measure the model.

        Args:
            x: the inputs, as for `fit`.
            y: the targets, if `x` is arrays.
            batch_size: rows per step, 32 by default.
            verbose: as for `fit`.
            sample_weight: factors of the loss, one per row.
            steps: batches to measure, if not all.
            callbacks: a list of callbacks.
            return_dict: whether to return name -> value.

        Returns:
            The loss, or a list of the loss and all metrics (in the order of `metrics_names`), or a dict.
        """
        self._assert_compiled("evaluate")
        if kwargs:
            raise TypeError(f"evaluate() got unknown arguments {sorted(kwargs)}.")
        logs = loops.evaluate(self, x, y, batch_size, verbose, sample_weight, steps, callbacks)
        return dict(logs) if return_dict else self._as_list(logs)

    @short
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs of the model for all rows, as NumPy arrays.

        Args:
            x: the inputs, as for `fit`.
            batch_size: rows per step, 32 by default.
            verbose: as for `fit`.
            steps: batches to predict, if not all.
            callbacks: a list of callbacks.
        """
        return loops.predict(self, x, batch_size, verbose, steps, callbacks)

    def predict_batches(
        self, x: Any, batch_size: int | None = None, steps: int | None = None
    ) -> Iterator[Any]:
        """The outputs batch by batch, for more data than fits in memory.

        Args:
            x: the inputs, as for `fit`.
            batch_size: rows per step, 32 by default.
            steps: batches to predict, if not all.
        """
        return streaming.predict_batches(self, x, batch_size, steps)

    def predict_to_file(
        self, path: Any, x: Any, batch_size: int | None = None, steps: int | None = None
    ) -> Any:
        """Write the outputs to an ``.npy`` file as they come, and return it as a memory-mapped array.

        Args:
            path: the file; it is whole or not there.
            x: the inputs, as for `fit`.
            batch_size: rows per step, 32 by default.
            steps: batches to predict, if not all.
        """
        return streaming.predict_to_file(self, path, x, batch_size, steps)

    # ----------------------------------------------------------------------------------- single batches

    @short
    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        return_dict: bool = False,
    ) -> Any:
        """One training step on one batch.

        Args:
            x: the inputs.
            y: the targets.
            sample_weight: factors of the loss, one per row.
            class_weight: class -> factor of the loss.
            return_dict: whether to return name -> value.

        Returns:
            The loss (and metrics, as for `evaluate`), averaged since the last `reset_metrics`.
        """
        self._assert_compiled("train_on_batch")
        data = self._one_batch(x, y, sample_weight, class_weight, "train")
        with registry.on(self._model_backend()):
            logs = run_once(self, "train", data)
        return self._batch_result(logs, return_dict)

    @short
    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Measure one batch; arguments and result as for `train_on_batch`."""
        self._assert_compiled("test_on_batch")
        data = self._one_batch(x, y, sample_weight, None, "test")
        with registry.on(self._model_backend()):
            logs = run_once(self, "test", data)
        return self._batch_result(logs, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, as NumPy arrays."""
        return loops.predict_on_batch(self, x)

    def _batch_result(self, logs: Any, return_dict: bool) -> Any:
        read = {key: to_host(value) for key, value in logs.items()}
        return read if return_dict else self._as_list(read)

    def _as_list(self, logs: Mapping[str, Any]) -> Any:
        """The loss first, then the losses of the outputs, then the metrics; a lone loss by itself.

        The keys of `logs` have been through an engine, which may have sorted them.
        """
        names = self._steps_cache.get(("names",))
        if names is None:
            names = self._steps_cache[("names",)] = self.metrics_names
        values = [logs[name] for name in names if name in logs]
        values += [value for name, value in logs.items() if name not in names]
        return values[0] if len(values) == 1 else values

    def _one_batch(
        self, x: Any, y: Any, sample_weight: Any, class_weight: Any, kind: str
    ) -> tuple[Any, Any, Any]:
        from hornbeam.training.data.arrays import as_arrays, count_rows

        if x is None:
            raise InputError(f"{kind}_on_batch() got no data: `x` is None.")
        with registry.on(self._model_backend()):
            x, y, sample_weight = (
                as_arrays(x, "x"),
                as_arrays(y, "y"),
                as_arrays(sample_weight, "sample_weight"),
            )
        count_rows(x, y, sample_weight, f"{kind}_on_batch")
        sample_weight = with_class_weight(y, sample_weight, class_weight)
        self._check(x, y, sample_weight, kind)
        return x, y, sample_weight

    def _check(self, x: Any, y: Any, sample_weight: Any, kind: str) -> None:
        """Build for the data if need be, and refuse targets that cannot be right."""
        backend = self._model_backend()
        if kind == "train" and not backend.differentiable:
            raise UnsupportedError(
                f"The engine {backend.name!r} has no gradients, so models on it can predict and be "
                "evaluated, but not trained. Build the model under "
                "`hornbeam.config.set_backend('jax')`."
            )
        with registry.on(backend):
            if not self._is_prepared(kind):
                self._prepare((x, y, sample_weight), kind)
        if _overrides(self, kind) is None:
            check_targets(self._compile_loss, y)

    def _has_own_step(self, kind: str) -> bool:
        return _overrides(self, kind) is not None

    # --------------------------------------------------------------------------- without side effects

    def stateless_compute_loss(
        self,
        trainable_variables: Any,
        non_trainable_variables: Any,
        metrics_variables: Any,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """`compute_loss` as a pure function.

        Returns:
            (loss, (trainable values, non-trainable values, metrics values)).
        """
        from hornbeam.variables import pure

        model: Any = self
        variables = [
            *model.trainable_variables,
            *model.non_trainable_variables,
            *model.metrics_variables,
        ]
        values = [*trainable_variables, *non_trainable_variables, *metrics_variables]
        loss, new = pure(
            lambda: self.compute_loss(x, y, y_pred, sample_weight, training), variables, values
        )
        first, second = len(trainable_variables), len(non_trainable_variables)
        return loss, (new[:first], new[first : first + second], new[first + second :])

    @property
    def metrics_variables(self) -> list[Variable]:
        """The variables of `metrics`."""
        return state.unique([v for metric in self.metrics for v in metric.variables])


def _overrides(trainer: Trainer, kind: str) -> str | None:
    """The name of the step of that kind if the user has written it, else None."""
    name = f"{kind}_step"
    return name if getattr(type(trainer), name) is not getattr(Trainer, name) else None


def _like(leaf: Any) -> Any:
    """A symbolic tensor for an array; only the batch size is left open."""
    if leaf is None:
        return None
    from hornbeam import dtypes

    return KerasTensor((None, *tuple(leaf.shape)[1:]), dtypes.standardize(leaf.dtype))


def _on_engine(data: Any, backend: Backend) -> Any:
    return tree.map_structure(
        lambda leaf: backend.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, data
    )
