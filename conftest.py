"""What all tests and doctests share: environment, a clean slate before each, slow ones last."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from typing import Any

import pytest

os.environ["KERAS_BACKEND"] = "jax"  # the oracle's engine; Keras reads it when it is imported
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("HORNBEAM_COMPILE_CACHE", "0")  # tests of compiled code compile it
# Tests compile thousands of small programs, each of which runs once: that took a third of their time.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
os.environ.pop("HORNBEAM_BACKEND", None)
os.environ["HORNBEAM_HOME"] = os.devnull  # the settings of whoever runs the tests do not count


@pytest.fixture(autouse=True)
def clean_slate() -> Iterator[None]:
    """Automatic names, settings and the seed as in a new process."""
    from hornbeam import config, naming, utils

    naming.reset_names()
    utils.set_random_seed(0)
    before = config.floatx(), config.image_data_format(), config.epsilon()
    backend = config.backend()
    yield
    config.set_floatx(before[0])
    config.set_image_data_format(before[1])
    config.set_epsilon(before[2])
    if config.backend() != backend:
        config.set_backend(backend)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the ledgers except has to fail; quick tests first, so that what fails soon fails soon."""
    from tests import ledger

    ledger.apply(items)
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


def pytest_collection_finish() -> None:
    """Put aside what has been made so far: a collection of garbage went through it for 1.5 seconds."""
    gc.collect()
    gc.freeze()


CLASSIC = "::test_a_mistake_is_told_once_with_the_fix["
OF_OPS = "::test_mistakes_are_explained["


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How many classic mistakes were told of, with the fix, on which engines."""
    passed = [report.nodeid for report in terminalreporter.stats.get("passed", ())]
    cases = [nodeid.partition(CLASSIC)[2][:-1] for nodeid in passed if CLASSIC in nodeid]
    ops = sum(OF_OPS in nodeid for nodeid in passed)
    if cases:
        engines = {case.partition("-")[0] for case in cases}
        kinds = {case.partition("-")[2] for case in cases}
        terminalreporter.write_line(
            f"{len(kinds)} classic mistakes are told with the fix, on {len(engines)} engines "
            f"({len(cases)} tests)"
        )
    if ops:
        terminalreporter.write_line(f"{ops} mistakes in calls of ops are explained")
