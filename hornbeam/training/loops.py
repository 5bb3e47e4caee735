"""The loops: epochs, batches, validation, callbacks and progress, written once.

An epoch over arrays runs as one compiled loop (`FusedSteps`) where the engine gains from that, the step
is Hornbeam's own and no callback listens to batches; else batch by batch.  Both compute the same.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import numpy as np

from hornbeam import settings, tree
from hornbeam.backends import registry
from hornbeam.callbacks import Callback, CallbackList, ProgbarLogger, RunCheckpoint
from hornbeam.errors import InputError
from hornbeam.ops.record import owner_of
from hornbeam.training.checks import NanWatch, check_outputs, check_targets
from hornbeam.training.data import (
    ArrayData,
    is_array_like,
    make_data,
    train_validation_split,
    unpack_x_y_sample_weight,
)
from hornbeam.training.data.arrays import as_arrays
from hornbeam.training.data.tables import SparseRows
from hornbeam.training.functions import Batches, Function, own_function, run_once
from hornbeam.training.logs import Logs, to_host
from hornbeam.training.pace import paced
from hornbeam.training.progress import Progress, make_progress
from hornbeam.training.resume import Run

FUSED_BYTES = 2**31
"""Data larger than this is fed batch by batch instead of being put on the device as a whole."""
COPIED_BYTES = 2**28
"""The same on a CPU, where that is one more copy of the data, if batches are large as well.

2 GB in batches of 800 KB: 2 to 5 ms for each step of TensorFlow's first epoch, batch by batch 1.1.
"""
LARGE_BATCH = 2**17
"""Bytes of a batch whose copy takes longer than to call a step."""
SENT_ALONG = 2**20
"""Bytes; shorter arrays go with each call, which is 20 us cheaper than bringing them before."""

BATCH_HOOKS = {
    "train": ("on_train_batch_begin", "on_train_batch_end", "on_batch_begin", "on_batch_end"),
    "test": ("on_test_batch_begin", "on_test_batch_end"),
    "predict": ("on_predict_batch_begin", "on_predict_batch_end"),
}


def _on_its_engine(loop: Callable[..., Any]) -> Callable[..., Any]:
    """`loop` with the model's engine as the current one: data of others is brought there."""

    @functools.wraps(loop)
    def run(model: Any, *args: Any) -> Any:
        backend = model._model_backend()
        with registry.on(backend):
            return loop(model, *args)

    return run


@_on_its_engine
def fit(
    model: Any,
    x: Any,
    y: Any,
    batch_size: int | None,
    epochs: int,
    verbose: str | int,
    callbacks: Any,
    validation_split: float,
    validation_data: Any,
    shuffle: bool | str,
    class_weight: Any,
    sample_weight: Any,
    initial_epoch: int,
    steps_per_epoch: int | None,
    validation_steps: int | None,
    validation_batch_size: int | None,
    validation_freq: int | Sequence[int],
    checkpoint: Any,
    resume: bool,
) -> Any:
    """See `Trainer.fit`."""
    if validation_split and validation_data is None:
        if not is_array_like(x):
            raise InputError(
                f"`validation_split` needs arrays, but `x` is a {type(x).__name__}; pass "
                "`validation_data` instead."
            )
        (x, y, sample_weight), validation_data = train_validation_split(
            (x, y, sample_weight), validation_split
        )
    data = make_data(
        x,
        y,
        sample_weight,
        batch_size=batch_size,
        shuffle=shuffle,
        class_weight=class_weight,
        steps=settings.limited(steps_per_epoch, settings.max_steps_per_epoch()),
        what="fit",
    )
    validation = _validation(validation_data, validation_batch_size or batch_size, validation_steps)
    epochs = settings.limited(epochs, settings.max_epochs()) or epochs
    callbacks = _with_checkpoint(callbacks, checkpoint, resume)
    with _running(model, data, "train"):
        progress = make_progress(verbose, data.num_batches, epochs)
        listeners = _callback_list(callbacks, model, progress, data, epochs)
        progress = _unless_shown(progress, listeners)
        listeners.params["do_validation"] = validation is not None
        check_outputs(model)
        run = Run(model, data, listeners)
        listeners.set_params({**listeners.params, "resuming": run.look(initial_epoch)})
        try:
            _train(model, data, validation, listeners, progress, run, epochs, validation_freq)
        finally:
            data.close()
            if validation is not None:
                validation.close()
            run.wait()
    return model.history


def _train(
    model: Any,
    data: Any,
    validation: Any,
    listeners: Any,
    progress: Progress,
    run: Run,
    epochs: int,
    validation_freq: int | Sequence[int],
) -> None:
    """The epochs, from where the run stands."""
    model.stop_training = False
    nan = NanWatch(model, data)
    listeners.on_train_begin()
    start = run.restore()
    logs: dict[str, Any] = start.logs
    had_stopped = model.stop_training and not start.begun
    for epoch in range(start.epoch, start.epoch if had_stopped else epochs):
        if not (start.begun and epoch == start.epoch):
            model.reset_metrics()
            listeners.on_epoch_begin(epoch)
        progress.begin_epoch(epoch)
        logs = dict(run_epoch(model, data, "train", listeners, progress, epoch, run))
        if validation is not None and _validates(epoch, validation_freq):
            progress.pause()
            found = _evaluate(model, validation, listeners, Progress())
            logs.update({f"val_{key}": value for key, value in found.items()})
        nan.look(logs, epoch)
        progress.end_epoch(logs)
        listeners.on_epoch_end(epoch, logs)
        data.on_epoch_end()
        run.after_epoch(epoch, logs, model.stop_training or epoch + 1 == epochs)
        if model.stop_training:
            break
    listeners.on_train_end(logs)
    run.finish()


def _with_checkpoint(callbacks: Any, checkpoint: Any, resume: bool) -> Any:
    """The callbacks, with one more for `checkpoint`."""
    if checkpoint is None:
        return callbacks
    if isinstance(checkpoint, RunCheckpoint):
        keeper = checkpoint
        keeper.resume = keeper.resume and resume
    else:
        keeper = RunCheckpoint(checkpoint, resume=resume)
    if isinstance(callbacks, CallbackList):
        callbacks.append(keeper)
        keeper.set_model(callbacks.model)
        return callbacks
    if callbacks is None:
        return [keeper]
    return [*(callbacks if isinstance(callbacks, Iterable) else [callbacks]), keeper]


@_on_its_engine
def evaluate(
    model: Any,
    x: Any,
    y: Any,
    batch_size: int | None,
    verbose: str | int,
    sample_weight: Any,
    steps: int | None,
    callbacks: Any,
) -> dict[str, Any]:
    """See `Trainer.evaluate`."""
    data = make_data(x, y, sample_weight, batch_size=batch_size, steps=steps, what="evaluate")
    progress = make_progress(verbose, data.num_batches, 1)
    listeners = _callback_list(callbacks, model, progress, data, 1, history=False)
    progress = _unless_shown(progress, listeners)
    with registry.use_backend(model._model_backend()):
        progress.begin_epoch(0)
        with closing(data):
            logs = _evaluate(model, data, listeners, progress)
        progress.end_epoch(logs)
    return logs


def _evaluate(model: Any, data: Any, listeners: Any, progress: Progress) -> dict[str, Any]:
    with _running(model, data, "test"):
        model.reset_metrics()
        listeners.on_test_begin()
        logs = dict(run_epoch(model, data, "test", listeners, progress, 0))
        listeners.on_test_end(logs)
    return logs


@contextmanager
def _running(model: Any, data: Any, kind: str) -> Iterator[None]:
    """The model's engine as the current one, everything built, mistakes refused."""
    with registry.use_backend(model._model_backend()):
        model._check(*data.peek(), kind)
        if isinstance(data, ArrayData) and kind != "predict":
            check_targets(model._compile_loss, data.y)
        yield


def _validation(validation_data: Any, batch_size: int | None, steps: int | None) -> Any:
    if validation_data is None:
        return None
    if isinstance(validation_data, (tuple, list)) and is_array_like(validation_data[0]):
        if len(validation_data) not in (2, 3):
            raise InputError(
                "`validation_data` must be (x, y) or (x, y, sample_weight), got "
                f"{len(validation_data)} entries."
            )
        x, y, sample_weight = (*validation_data, None)[:3]
        return make_data(x, y, sample_weight, batch_size=batch_size, steps=steps, what="evaluate")
    return make_data(validation_data, steps=steps, what="evaluate")


def _validates(epoch: int, freq: int | Sequence[int]) -> bool:
    if isinstance(freq, int):
        return (epoch + 1) % freq == 0
    return epoch + 1 in freq


def _callback_list(
    callbacks: Any, model: Any, progress: Progress, data: Any, epochs: int, history: bool = True
) -> Any:
    if isinstance(callbacks, CallbackList):
        return callbacks
    return CallbackList(
        callbacks,
        add_history=history,
        model=model,
        verbose=progress.verbose,
        epochs=epochs,
        steps=data.num_batches,
    )


def _unless_shown(progress: Progress, listeners: Any) -> Progress:
    """No progress, if a callback shows it."""
    shown = any(isinstance(callback, ProgbarLogger) for callback in listeners.callbacks)
    return Progress() if shown else progress


def listens(listeners: Any, kind: str) -> bool:
    """Whether a callback wants to hear of every batch."""
    return any(
        getattr(getattr(callback, hook), "__func__", None) is not getattr(Callback, hook)
        for callback in listeners.callbacks
        for hook in BATCH_HOOKS[kind]
    )


# ---------------------------------------------------------------------------------------- one epoch


def run_epoch(
    model: Any,
    data: Any,
    kind: str,
    listeners: Any,
    progress: Progress,
    epoch: int,
    run: Run | None = None,
) -> dict[str, Any]:
    """Run the steps of an epoch; the logs of the last one, read.

    Args:
        model: the model.
        data: the adapter of the data.
        kind: "train" or "test".
        listeners: the callbacks.
        progress: who shows it.
        epoch: the number of the epoch, from 0.
        run: the run that this epoch belongs to, which may begin within it.
    """
    function = own_function(model, kind)
    if function is not None:
        logs = _epoch_by_function(function, model, data, kind, listeners, progress, epoch, run)
    elif _can_fuse(model, data, kind, listeners):
        logs = _fused_epoch(model, data, kind, progress, epoch, run)
    else:
        logs = _stepwise_epoch(model, data, kind, listeners, progress, epoch, run)
    return {key: to_host(value) for key, value in logs.items()}


def _can_fuse(model: Any, data: Any, kind: str, listeners: Any) -> bool:
    return (
        isinstance(data, ArrayData)
        and data.steps == data.whole_epoch
        and data.rows >= 2 * data.batch_size
        and not model._has_own_step(kind)
        and not listens(listeners, kind)
        and _fits(data, model._model_backend())
        and model._step(kind).worth_fusing(data.peek)
    )


def _fits(data: ArrayData, backend: Any) -> bool:
    """Whether data can lie on the device as a whole."""
    leaves = tree.flatten(data.arrays())
    if any(isinstance(leaf, SparseRows) for leaf in leaves):
        return False
    size = sum(leaf.nbytes for leaf in leaves if isinstance(leaf, np.ndarray))
    if size > COPIED_BYTES and size > LARGE_BATCH * data.whole_epoch:
        return not all(name.startswith("cpu") for name in backend.devices()) and size <= FUSED_BYTES
    return size <= FUSED_BYTES


def _fused_epoch(
    model: Any, data: ArrayData, kind: str, progress: Progress, epoch: int, run: Run | None
) -> Any:
    backend = model._model_backend()
    arrays = data.arrays()
    spec = tree.structure_of(arrays)
    if data.device_leaves is None:
        data.device_leaves = [
            None if leaf is None else _handy(leaf, backend) for leaf in tree.flatten(arrays)
        ]
    order = _handy(data.order(epoch), backend)
    many = model._fused_steps(kind, spec, data.batch_size)
    steps = data.whole_epoch
    done, logs = _begun(run, epoch)
    patience = 0.1 if progress.live else 1.0  # seconds between two looks at the clock
    chunk = many.quick.get(patience, 1)
    while done < steps:
        began = time.perf_counter()
        stop = None if run is None else run.steps_until_stop()
        until = min(steps, done + chunk, steps if stop is None else done + stop)
        logs = many(data.device_leaves, order, done, until)
        if run is not None:
            run.after_step(epoch, until, until - done, logs)
        done = until
        if done < steps:
            backend.synchronize(logs)
            if time.perf_counter() - began < patience:
                chunk *= 4
                many.quick[patience] = chunk
            progress.update(done, logs)
    return logs


def _handy(leaf: Any, backend: Any) -> Any:
    """`leaf` where the engine has it, unless it is so small that it may go with each call."""
    alone = not isinstance(leaf, np.ndarray) or leaf.nbytes > SENT_ALONG
    return backend.asarray(leaf) if alone else leaf


def _begun(run: Run | None, epoch: int) -> tuple[int, Any]:
    """How many steps of this epoch are done already, and the logs of the last of them."""
    if run is None or not run.cursor.begun or run.cursor.epoch != epoch:
        return 0, {}
    return run.cursor.step, run.cursor.logs


def _stepwise_epoch(
    model: Any,
    data: Any,
    kind: str,
    listeners: Any,
    progress: Progress,
    epoch: int,
    run: Run | None,
) -> Any:
    in_memory = isinstance(data, ArrayData)
    step = paced(model, kind, data)
    hears = listens(listeners, kind)
    begin = getattr(listeners, f"on_{kind}_batch_begin")
    end = getattr(listeners, f"on_{kind}_batch_end")
    group = model.steps_per_execution if kind == "train" else 1
    first, logs = _begun(run, epoch)
    if first and model.stop_training:  # as it was when the checkpoint was written
        return logs
    backend = model._model_backend()
    own = {"own": backend.adopt} if in_memory and not backend.compiled else {}
    for i, batch in enumerate(data.epoch(epoch, first, **own), first):
        if not in_memory:
            check_targets(model._compile_loss, batch[1])
        if hears and i % group == 0:
            begin(i)
        logs = step(batch)
        if not isinstance(logs, dict):
            raise InputError(
                f"{type(model).__name__}.{kind}_step() must return a dict of logs, got "
                f"{type(logs).__name__}."
            )
        if hears and ((i + 1) % group == 0 or i + 1 == data.num_batches):
            end(i, Logs(logs))
        progress.update(i + 1, logs)
        if run is not None:
            run.after_step(epoch, i + 1, 1, logs)
        if kind == "train" and model.stop_training:
            break
    return logs


def _epoch_by_function(
    function: Function,
    model: Any,
    data: Any,
    kind: str,
    listeners: Any,
    progress: Progress,
    epoch: int,
    run: Run | None,
) -> Any:
    """An epoch by the user's function, each call of which takes as many batches as it likes."""
    hears = listens(listeners, kind)
    first, logs = _begun(run, epoch)
    batches = Batches(data.epoch(epoch, first), first)
    while not (kind == "train" and model.stop_training) and batches.more():
        before = batches.taken
        if hears:
            getattr(listeners, f"on_{kind}_batch_begin")(before)
        logs = batches.feed(function, f"{kind}_function")
        if not isinstance(logs, dict):
            raise InputError(
                f"The {kind}_function of {type(model).__name__} must return a dict of logs, got "
                f"{type(logs).__name__}."
            )
        if hears:
            getattr(listeners, f"on_{kind}_batch_end")(batches.taken - 1, Logs(logs))
        progress.update(batches.taken, logs)
        if run is not None:
            run.after_step(epoch, batches.taken, batches.taken - before, logs)
    return logs


# ------------------------------------------------------------------------------------------- predict


@_on_its_engine
def predict(
    model: Any,
    x: Any,
    batch_size: int | None,
    verbose: str | int,
    steps: int | None,
    callbacks: Any,
) -> Any:
    """See `Trainer.predict`."""
    whole = isinstance(x, np.ndarray) and x.ndim and 0 < len(x) <= (batch_size or 32)
    if whole and not callbacks and steps is None and verbose in (0, "auto"):
        return predict_on_batch(model, x)  # a batch needs no loop around it
    function = own_function(model, "predict")
    data = make_data(x, batch_size=batch_size, steps=steps, what="predict")
    progress = make_progress(verbose, data.num_batches, 1)
    listeners = _callback_list(callbacks, model, progress, data, 1, history=False)
    progress = _unless_shown(progress, listeners)
    hears = listens(listeners, "predict")
    parts: list[list[Any]] = []
    spec = None
    with _running(model, data, "predict"):
        step = paced(model, "predict", data)
        listeners.on_predict_begin()
        progress.begin_epoch(0)
        with closing(data):
            for i, outputs in _outputs(data, step, function, listeners if hears else None):
                spec = tree.structure_of(outputs) if spec is None else spec
                parts.append(tree.flatten(outputs))
                progress.update(i + 1, {})
                if hears:
                    read = tree.map_structure(_read, outputs)
                    listeners.on_predict_batch_end(i, {"outputs": read})
        progress.end_epoch({})
        listeners.on_predict_end()
    columns = [
        np.concatenate([_read(leaf) for leaf in column]) for column in zip(*parts, strict=True)
    ]
    assert spec is not None
    return tree.unflatten(spec, columns)


def _outputs(
    data: Any, step: Any, function: Function | None, listeners: Any
) -> Iterator[tuple[int, Any]]:
    """(the number of the last batch, the outputs), batch by batch."""
    batches = Batches(data.epoch())
    while batches.more():
        if listeners is not None:
            listeners.on_predict_batch_begin(batches.taken)
        if function is None:
            outputs = step(unpack_x_y_sample_weight(next(batches)))
        else:
            outputs = batches.feed(function, "predict_function")
        yield batches.taken - 1, outputs


@_on_its_engine
def predict_on_batch(model: Any, x: Any) -> Any:
    """See `Trainer.predict_on_batch`."""
    if x is None:
        raise InputError("predict_on_batch() got no data: `x` is None.")
    backend = model._model_backend()
    x = as_arrays(x, "x")
    if not model._is_prepared("predict"):
        model._check(x, None, None, "predict")
    outputs = run_once(model, "predict", (x, None, None))
    if not tree.is_nested(outputs):
        return _writable(backend.to_numpy(outputs))
    return tree.map_structure(lambda leaf: _writable(_read(leaf)), outputs)


def _writable(array: Any) -> Any:
    """`array`, or a copy where it shows memory of the engine that must not be written to."""
    return array if array.flags.writeable else array.copy()


def _read(leaf: Any) -> Any:
    owner = owner_of(leaf)
    return np.asarray(leaf) if owner is None else owner.to_numpy(leaf)


__all__ = ["evaluate", "fit", "listens", "predict", "predict_on_batch", "run_epoch"]
