"""`ListedOptimizer`: what all optimizers of Hornbeam's own but `SGD` derive from."""

from __future__ import annotations

from collections.abc import Sequence

from hornbeam.optimizers.optimizer import Optimizer
from hornbeam.variables import Variable


class ListedOptimizer(Optimizer):
    """An optimizer whose `build` calls its argument ``var_list``.

    So Keras's do, and programs may pass it by name; that of `Optimizer` and of `SGD` is ``variables``.
    """

    def build(self, var_list: Sequence[Variable]) -> None:
        """Make the state for the variables that are to be trained from now on.

        Args:
            var_list: the variables.
        """
        super().build(var_list)


__all__ = ["ListedOptimizer"]
