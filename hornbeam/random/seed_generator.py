"""`SeedGenerator`: a seed as state, so that compiled code draws new numbers at every call."""

from __future__ import annotations

from typing import Any

import numpy as np

from hornbeam.backends import registry
from hornbeam.backends.protocol import Array, Backend
from hornbeam.errors import InputError
from hornbeam.naming import name_scope, unique_name
from hornbeam.random import streams
from hornbeam.saving.objects import Configurable, builtin
from hornbeam.variables import Variable, is_carried

_STEP = np.array([0, 1], np.uint32)


@builtin("keras.random")
class SeedGenerator(Configurable):
    """A stream of keys for random functions.

    Its state is a variable ``[seed, number of draws]``, so what has been drawn is saved, restored and
    carried through compiled steps with all other state.  The functions of `hornbeam.random` take it
    as ``seed=``; each call draws one key.

    Args:
        seed: an int; by default the next one of the stream that `hornbeam.utils.set_random_seed`
            starts.  Only its lowest 32 bits count.
        name: a name for the generator.
        **kwargs: nothing; unknown names raise TypeError.

    Example:

    >>> import hornbeam
    >>> seeds = hornbeam.random.SeedGenerator(1337)
    >>> seeds.next().tolist(), seeds.next().tolist()
    ([1337, 0], [1337, 1])
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        if kwargs:
            raise TypeError(f"SeedGenerator got unknown arguments {sorted(kwargs)}.")
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
            raise InputError(f"SeedGenerator: `seed` must be an int or None, got {seed!r}.")
        self.seed = streams.next_seed() if seed is None else int(seed)
        self.name = name if name is not None else unique_name("seed_generator")
        with name_scope(self.name):
            self.state = Variable(
                _first_state(self.seed),
                dtype="uint32",
                trainable=False,
                autocast=False,
                name="seed_generator_state",
            )

    def next(self, ordered: bool = True) -> Array:
        """The next key, a uint32 array of shape (2,).

        Args:
            ordered: has no effect: keys always come in order.

        Raises:
            InputError: in a compiled function that does not carry this generator's state.
        """
        backend = self.state.backend
        key = self.state.array
        new = backend.add(key, backend.asarray(_STEP))
        escapes = backend.is_concrete(key) and not backend.is_concrete(new)
        if escapes or not is_carried(self.state):
            raise _not_carried(self.name, any(self is one for one in _global.values()))
        self.state.assign(new)
        return key


class SeedNotCarried(InputError):
    """A generator was drawn from in a compiled function that does not carry its state."""

    def __init__(self, message: str, is_global: bool) -> None:
        super().__init__(message)
        self.is_global = is_global


def _not_carried(name: str, is_global: bool) -> SeedNotCarried:
    return SeedNotCarried(
        f"The seed generator {name!r} was used inside a compiled function that does not "
        "carry its state, so every call would draw the same numbers. Make a SeedGenerator an "
        "attribute of the layer or model that draws from it, and pass it as `seed=`.",
        is_global,
    )


_global: dict[str, SeedGenerator] = {}  # name of an engine -> its generator


def global_seed_generator(backend: Backend | None = None) -> SeedGenerator:
    """The generator that random functions draw from when they are given no seed.

    Args:
        backend: the engine whose generator it is; by default the current one.

    Example:

    >>> import hornbeam
    >>> hornbeam.utils.set_random_seed(3)
    >>> first = hornbeam.random.uniform((2,)).tolist()  # takes a key of the global generator
    >>> int(hornbeam.random.global_seed_generator().state[1])
    1
    """
    chosen = backend or registry.current()
    found = _global.get(chosen.name)
    if found is None:
        with registry.use_backend(chosen):
            found = SeedGenerator(streams.standing_seed(), name="global_seed_generator")
        if not chosen.is_concrete(found.state._value):
            raise _not_carried(found.name, True)
        _global[chosen.name] = found
    return found


def restart_global_generators() -> None:
    """Let the global generators start again from the global seed.

    They stay the same objects: compiled steps may hold their states.
    """
    for generator in _global.values():
        generator.seed = streams.standing_seed()
        generator.state.assign(_first_state(generator.seed))


def global_states() -> dict[str, Any]:
    """Name of an engine -> state of its global generator, as a NumPy array."""
    return {name: np.array(found.state.numpy()) for name, found in _global.items()}


def set_global_states(states: dict[str, Any]) -> None:
    """Put the global generators where they were at `global_states`."""
    for name, value in states.items():
        generator = global_seed_generator(registry.get(name))
        generator.seed = int(value[0])
        generator.state.assign(value)


def _first_state(seed: int) -> Any:
    return np.array([seed & 0xFFFFFFFF, 0], np.uint32)


def draw_seed(seed: Any, backend: Backend | None = None) -> Array:
    """The key, a uint32 array of shape (2,), that a random function uses for its argument `seed`.

    Args:
        seed: an int (always the same key), a `SeedGenerator` (its next key), or None (the next key of
            the global generator).
        backend: the engine the key is for; by default the current one.

    Example:

    >>> import hornbeam
    >>> hornbeam.random.draw_seed(7).tolist()
    [7, 0]
    """
    chosen = backend or registry.current()
    if seed is None:
        seed = global_seed_generator(chosen)
    if isinstance(seed, SeedGenerator):
        key = seed.next()
        owner = seed.state.backend
        return key if owner is chosen else chosen.asarray(owner.to_numpy(key))
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        return chosen.asarray(np.array([int(seed) & 0xFFFFFFFF, 0], np.uint32))
    raise InputError(f"`seed` must be an int, a SeedGenerator or None, got {seed!r}.")
