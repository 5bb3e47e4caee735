"""GPTQ and AWQ: rounding weights by what the layer is given, on the host, in float64.

Both work on a weight as a matrix (rows, columns) that rows of inputs are multiplied by, and on the sum
``X^T X`` over those inputs. What they make is ``(values - zero) * scale``, columns first: values of
shape (columns, rows), scale and zero of shape (columns, groups), and the group of each row.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Parts = tuple[Any, Any, Any, Any, Any]
"""(values, scale, zero, group of each row, scales of rows or None)."""


def _grid(rows: Any, bits: int, symmetric: bool) -> tuple[Any, Any]:
    """Scale and zero of each column of a group of rows."""
    top = 2**bits - 1
    least, most = np.minimum(rows.min(0), 0.0), np.maximum(rows.max(0), 0.0)
    if symmetric:
        most = np.maximum(most, -least)
        least = -most
    scale = (most - least) / top
    scale = np.where(scale > 0, scale, 1.0)
    zero = np.full_like(scale, (top + 1) / 2) if symmetric else np.round(-least / scale)
    return scale, zero


def _groups(count: int, group_size: int) -> tuple[int, int]:
    size = count if group_size == -1 else group_size
    return size, math.ceil(count / size)


def _packed(values: Any, scales: Any, zeros: Any, groups: Any, row_scales: Any = None) -> Parts:
    return (
        values.T.astype(np.uint8),
        np.stack(scales, axis=1).astype(np.float32),
        np.stack(zeros, axis=1).astype(np.uint8),
        groups.astype(np.float32),
        None if row_scales is None else row_scales.astype(np.float32),
    )


def _nearest(matrix: Any, bits: int, group_size: int) -> tuple[Any, Any, list[Any], list[Any], Any]:
    """Each number to the nearest step of its group: (dequantized, values, scales, zeros, groups)."""
    size, count = _groups(len(matrix), group_size)
    values, scales, zeros = np.zeros_like(matrix), [], []
    held = np.zeros_like(matrix)
    for group in range(count):
        rows = slice(group * size, (group + 1) * size)
        scale, zero = _grid(matrix[rows], bits, False)
        values[rows] = np.clip(np.round(matrix[rows] / scale) + zero, 0, 2**bits - 1)
        held[rows] = (values[rows] - zero) * scale
        scales.append(scale)
        zeros.append(zero)
    return held, values, scales, zeros, np.arange(len(matrix)) // size


def rounded(matrix: Any, policy: Any) -> Parts:
    """The parts that a policy "gptq/..." or "awq/..." asks for, by rounding to the nearest.

    Args:
        matrix: the weight, of shape (rows, columns).
        policy: the policy, with `weight_bits`, `group_size` and `mode`.

    >>> from hornbeam import dtype_policies
    >>> policy = dtype_policies.get("gptq/4/2_from_float32")
    >>> [part.shape for part in rounded(np.ones((4, 3)), policy)[:4]]
    [(3, 4), (3, 2), (3, 2), (4,)]
    """
    _, values, scales, zeros, groups = _nearest(
        np.asarray(matrix, np.float64), policy.weight_bits, policy.group_size
    )
    rows = np.ones(len(matrix)) if policy.mode == "awq" else None
    return _packed(values, scales, zeros, groups, rows)


def gptq(matrix: Any, second_moment: Any, config: Any) -> Parts:
    """Row after row is rounded, and the rows to come make up for the error it leaves.

    Args:
        matrix: the weight, of shape (rows, columns).
        second_moment: ``X^T X`` of the inputs, of shape (rows, rows).
        config: a `GPTQConfig`.
    """
    weight = np.array(matrix, np.float64)
    hessian = np.array(second_moment, np.float64)
    unused = np.diag(hessian) == 0
    hessian[unused, unused] = 1.0
    weight[unused] = 0.0
    count = len(weight)
    order = np.arange(count)
    if config.activation_order:
        order = np.argsort(-np.diag(hessian), kind="stable")
    weight, hessian = weight[order], hessian[np.ix_(order, order)]
    hessian += np.eye(count) * config.hessian_damping * np.mean(np.diag(hessian))
    factor = np.linalg.cholesky(np.linalg.inv(hessian)).T  # upper
    size, _ = _groups(count, config.group_size)
    values, scales, zeros = np.zeros_like(weight), [], []
    for row in range(count):
        if row % size == 0:
            scale, zero = _grid(weight[row : row + size], config.weight_bits, config.symmetric)
            scales.append(scale)
            zeros.append(zero)
        steps = np.round(weight[row] / scale) + zero
        values[row] = np.clip(steps, 0, 2**config.weight_bits - 1)
        error = (weight[row] - (values[row] - zero) * scale) / factor[row, row]
        weight[row + 1 :] -= np.outer(factor[row, row + 1 :], error)
    back = np.argsort(order)
    return _packed(values[back], scales, zeros, (np.arange(count) // size)[back])


def awq(matrix: Any, second_moment: Any, mean_size: Any, config: Any) -> Parts:
    """Rows whose inputs are large are stretched before rounding, by the power that loses least.

    Args:
        matrix: the weight, of shape (rows, columns).
        second_moment: ``X^T X`` of the inputs, of shape (rows, rows).
        mean_size: the mean of ``|X|``, of shape (rows,).
        config: an `AWQConfig`.
    """
    weight = np.asarray(matrix, np.float64)
    moment = np.asarray(second_moment, np.float64)
    sizes = np.maximum(np.asarray(mean_size, np.float64), 1e-8)
    best: tuple[float, Any] = (math.inf, None)
    for point in range(config.num_grid_points):
        stretch = sizes ** (point / config.num_grid_points)
        stretch = np.maximum(stretch / np.sqrt(stretch.max() * stretch.min()), 1e-4)
        found = _nearest(weight * stretch[:, None], config.weight_bits, config.group_size)
        lost = weight - found[0] / stretch[:, None]
        error = float(np.sum(lost * (moment @ lost)))
        if error < best[0]:
            best = (error, (*found[1:], stretch))
    return _packed(*best[1])
