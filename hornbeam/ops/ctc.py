"""Connectionist temporal classification (Graves et al., 2006): its loss and its decoders."""

from __future__ import annotations

from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.ops import rules
from hornbeam.ops.record import ArrayLike, op

_NEVER = -1e30  # the logarithm of a probability of 0 that can be computed with


@op("?target output ?target_length ?output_length", dtype=rules.mean)
def ctc_loss(
    b: Backend,
    target: ArrayLike,
    output: ArrayLike,
    target_length: ArrayLike,
    output_length: ArrayLike,
    mask_index: int = 0,
) -> Array:
    """Minus the logarithm of the probability of label sequences, over all their alignments.

    Args:
        target: integer array of shape (batch, labels), the label sequences.
        output: array of shape (batch, time, classes), logits.
        target_length: integer array of shape (batch,), how many labels count.
        output_length: integer array of shape (batch,), how many steps count.
        mask_index: the class that stands for "no label".

    Returns:
        Array of shape (batch,); very large where no alignment is possible.

    Raises:
        InputError: if the shapes do not fit.

    Example:

    >>> from hornbeam import ops
    >>> loss = ops.ctc_loss([[1]], ops.zeros((1, 2, 2)), [1], [2])
    >>> print(ops.convert_to_numpy(loss).round(4))
    [0.2877]
    """
    if target.ndim != 2 or output.ndim != 3:
        raise InputError(
            "ctc_loss() needs a target of shape (batch, labels) and an output of shape (batch, time, "
            f"classes), got {tuple(target.shape)} and {tuple(output.shape)}."
        )
    labels = b.cast(target, "int32")
    batch, count = b.shape(labels)
    states = 2 * count + 1
    blanks = b.zeros_like(labels) + mask_index
    pairs = b.reshape(b.stack([blanks, labels], -1), (batch, 2 * count))
    extended = b.concatenate([pairs, b.zeros((batch, 1), "int32") + mask_index], 1)
    may_skip = _may_skip(b, extended, mask_index)
    logs = b.log_softmax(output, axis=-1)
    steps = b.shape(logs)[1]
    places = b.broadcast_to(b.expand_dims(extended, 1), (batch, steps, states))
    seen = b.moveaxis(b.take_along_axis(logs, places, -1), 1, 0)
    never = b.zeros_like(seen[0]) + _NEVER
    start = b.concatenate([seen[0][:, :2], never[:, 2:]], 1)
    last = b.expand_dims(b.cast(output_length, "int32") - 1, -1)

    def step(alpha: Array, x: tuple[Array, Array]) -> tuple[Array, None]:
        emitted, time = x
        new = emitted + _arrived(b, alpha, may_skip)
        return b.where(b.less_equal(time, last), new, alpha), None

    times = b.arange(1, steps, 1, "int32")
    alpha, _ = b.scan(step, start, (seen[1:], times)) if steps != 1 else (start, None)
    end = b.expand_dims(2 * b.cast(target_length, "int32"), -1)
    final = b.take_along_axis(alpha, end, -1)
    before = b.take_along_axis(alpha, b.maximum(end - 1, b.zeros_like(end)), -1)
    before = b.where(b.greater(end, 0), before, b.zeros_like(before) + _NEVER)
    return -b.squeeze(b.logaddexp(final, before), axis=-1)


def _may_skip(b: Backend, extended: Array, mask_index: int) -> Array:
    """Whether a state can be reached from the one before its blank: a label unlike the last one."""
    batch = b.shape(extended)[0]
    unlike = b.not_equal(extended[:, 2:], extended[:, :-2])
    label = b.not_equal(extended[:, 2:], mask_index)
    return b.concatenate([b.zeros((batch, 2), "bool"), b.logical_and(unlike, label)], 1)


def _arrived(b: Backend, alpha: Array, may_skip: Array) -> Array:
    """The logarithm of the probability to come into each state: stay, move on, or skip a blank."""
    never = b.zeros_like(alpha[:, :1]) + _NEVER
    moved = b.concatenate([never, alpha[:, :-1]], 1)
    skipped = b.concatenate([never, never, alpha[:, :-2]], 1)[:, : b.shape(alpha)[1]]
    skipped = b.where(may_skip, skipped, b.zeros_like(skipped) + _NEVER)
    return b.logaddexp(b.logaddexp(alpha, moved), skipped)


def _scores(*given: str) -> tuple[str | None, str | None]:
    return rules.mean(given[0])[0], None


@op("inputs ?sequence_lengths", dtype=_scores)
def ctc_decode(
    b: Backend,
    inputs: ArrayLike,
    sequence_lengths: ArrayLike,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Array, Array]:
    """The most probable label sequences.

    Args:
        inputs: array of shape (batch, time, classes), logits.
        sequence_lengths: integer array of shape (batch,), how many steps count.
        strategy: "greedy" for the best class of each step; "beam_search" for the sequences that are
            best over all their alignments, as far as they stay among the `beam_width` best.
        beam_width: how many sequences a beam search keeps.
        top_paths: how many sequences a beam search returns.
        merge_repeated: whether "greedy" reads the same class in consecutive steps as one label.
        mask_index: the class that stands for "no label".

    Returns:
        The pair (labels, scores): int32 of shape (top_paths, batch, time), filled up with -1, and
        floats of shape (batch, top_paths): for "greedy" minus the sum of the best logits, for
        "beam_search" the logarithms of the probabilities.

    Raises:
        InputError: if there is no such strategy or the shapes do not fit.

    Example:

    >>> from hornbeam import ops
    >>> logits = ops.array([[[0.0, 3.0], [0.0, 2.0], [4.0, 0.0]]])
    >>> labels, scores = ops.ctc_decode(logits, [3])
    >>> ops.convert_to_numpy(labels).tolist(), ops.convert_to_numpy(scores).tolist()
    ([[[1, -1, -1]]], [[-9.0]])
    """
    if inputs.ndim != 3:
        raise InputError(
            f"ctc_decode() needs shape (batch, time, classes), got {tuple(inputs.shape)}."
        )
    lengths = b.cast(sequence_lengths, "int32")
    if strategy == "greedy":
        return _greedy(b, inputs, lengths, merge_repeated, mask_index)
    if strategy != "beam_search":
        raise InputError(f"`strategy` must be 'greedy' or 'beam_search', got {strategy!r}.")
    if top_paths > beam_width:
        raise InputError(
            f"top_paths={top_paths} needs a `beam_width` of as many, got {beam_width}."
        )
    logs = b.log_softmax(inputs, axis=-1)
    labels, scores = b.vmap(
        lambda row, length: _beam(b, row, length, beam_width, top_paths, mask_index)
    )(logs, lengths)
    return b.moveaxis(labels, 1, 0), scores


def _greedy(
    b: Backend, inputs: Array, lengths: Array, merge_repeated: bool, mask_index: int
) -> tuple[Array, Array]:
    batch, steps, _ = b.shape(inputs)
    best = b.cast(b.argmax(inputs, axis=-1, keepdims=False), "int32")
    times = b.expand_dims(b.arange(0, steps, 1, "int32"), 0)
    inside = b.less(times, b.expand_dims(lengths, -1))
    largest = b.max(inputs, axis=-1, keepdims=False)
    score = -b.sum(b.where(inside, largest, b.zeros_like(largest)), axis=1, keepdims=True)
    kept = b.logical_and(inside, b.not_equal(best, mask_index))
    if merge_repeated:
        changed = b.not_equal(best[:, 1:], best[:, :-1])
        kept = b.logical_and(kept, b.concatenate([b.ones((batch, 1), "bool"), changed], 1))
    # a stable sort by "left out" brings what is kept to the front
    order = b.cast(b.argsort(b.cast(b.logical_not(kept), "int32"), axis=-1), "int32")
    labels = b.where(kept, best, b.zeros_like(best) - 1)
    return b.expand_dims(b.take_along_axis(labels, order, -1), 0), score


def _beam(
    b: Backend, logs: Array, length: Array, width: int, top_paths: int, mask_index: int
) -> tuple[Array, Array]:
    """The best label sequences (top_paths, time) for logs (time, classes), and their scores.

    A beam holds label sequences, each with the probabilities of its alignments that end in a blank
    and of those that end in its last label (Graves and Jaitly, 2014).
    """
    steps, classes = b.shape(logs)
    dtype = b.dtype(logs)
    first = b.equal(b.arange(0, width, 1, "int32"), 0)
    never = b.full((width,), _NEVER, dtype)
    start = (
        b.zeros((width, steps), "int32") - 1,
        b.zeros((width,), "int32"),
        b.where(first, b.zeros((width,), dtype), never),
        never,
    )

    def step(beam: tuple[Array, ...], x: tuple[Array, Array]) -> tuple[tuple[Array, ...], None]:
        emitted, time = x
        new = _extended(b, beam, emitted, width, classes, steps, mask_index)
        go_on = b.less(time, length)
        return tuple(b.where(go_on, n, o) for n, o in zip(new, beam, strict=True)), None

    times = b.arange(0, steps, 1, "int32")
    (paths, _, blank, label), _ = b.scan(step, start, (logs, times))
    scores, order = b.top_k(b.logaddexp(blank, label), top_paths)
    return b.take(paths, b.cast(order, "int32"), 0), scores


def _extended(
    b: Backend,
    beam: tuple[Array, ...],
    emitted: Array,
    width: int,
    classes: int,
    steps: int,
    mask_index: int,
) -> tuple[Array, ...]:
    """The beam after one more step."""
    paths, counts, blank, label = beam
    total = b.logaddexp(blank, label)
    ends = b.expand_dims(b.maximum(counts - 1, b.zeros_like(counts)), -1)
    last = b.squeeze(b.take_along_axis(paths, ends, -1), axis=-1)  # -1 where a path is empty
    empty = b.equal(counts, 0)
    again = b.take(emitted, b.maximum(last, b.zeros_like(last)), 0)
    stay_blank = total + emitted[mask_index]
    stay_label = b.where(empty, b.zeros_like(label) + _NEVER, label + again)
    # one more label: the same one as the last needs a blank in between
    numbers = b.expand_dims(b.arange(0, classes, 1, "int32"), 0)
    same = b.equal(numbers, b.expand_dims(last, -1))
    grown = b.where(same, b.expand_dims(blank, -1), b.expand_dims(total, -1)) + emitted
    grown = b.where(b.equal(numbers, mask_index), b.zeros_like(grown) + _NEVER, grown)
    # where a grown path is in the beam already, its probability goes there
    parent = _is_parent(b, paths, counts)  # (width, width): is i path j without its last label
    one_hot = b.logical_and(same, b.expand_dims(b.logical_not(empty), -1))
    met = b.logical_and(b.expand_dims(parent, -1), b.expand_dims(one_hot, 0))
    joined = b.where(met, b.expand_dims(grown, 1), b.zeros_like(b.expand_dims(grown, 1)) + _NEVER)
    stay_label = b.logaddexp(stay_label, b.logsumexp(joined, axis=(0, 2)))
    grown = b.where(b.any(met, axis=1, keepdims=False), b.zeros_like(grown) + _NEVER, grown)
    full = b.greater_equal(counts, steps)
    grown = b.where(b.expand_dims(full, -1), b.zeros_like(grown) + _NEVER, grown)
    # the best of what stays and what grows
    flat = b.concatenate(
        [b.logaddexp(stay_blank, stay_label), b.reshape(grown, (width * classes,))], 0
    )
    _, order = b.top_k(flat, width)
    order = b.cast(order, "int32")
    grows = b.greater_equal(order, width)
    source = b.where(grows, b.floor_divide(order - width, classes), order)
    added = b.mod(b.maximum(order - width, b.zeros_like(order)), classes)
    never = b.zeros_like(stay_blank) + _NEVER
    new_blank = b.where(grows, never, b.take(stay_blank, source, 0))
    new_label = b.where(grows, b.take(flat, order, 0), b.take(stay_label, source, 0))
    old_paths, old_counts = b.take(paths, source, 0), b.take(counts, source, 0)
    here = b.equal(b.expand_dims(b.arange(0, steps, 1, "int32"), 0), b.expand_dims(old_counts, -1))
    here = b.logical_and(here, b.expand_dims(grows, -1))
    new_paths = b.where(here, b.expand_dims(added, -1), old_paths)
    return new_paths, old_counts + b.cast(grows, "int32"), new_blank, new_label


def _is_parent(b: Backend, paths: Array, counts: Array) -> Array:
    """For all pairs (i, j) of paths whether i is j without its last label."""
    steps = b.shape(paths)[1]
    end = b.equal(b.expand_dims(b.arange(0, steps, 1, "int32"), 0), b.expand_dims(counts - 1, -1))
    shorter = b.where(end, b.zeros_like(paths) - 1, paths)
    equal = b.equal(b.expand_dims(paths, 1), b.expand_dims(shorter, 0))
    longer = b.equal(b.expand_dims(counts, 1) + 1, b.expand_dims(counts, 0))
    return b.logical_and(b.all(equal, axis=-1, keepdims=False), longer)


__all__ = ["ctc_decode", "ctc_loss"]
