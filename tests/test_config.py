"""Settings that change what happens."""

import traceback

import numpy as np
import pytest

import hornbeam
from hornbeam import config
from hornbeam.errors import InputError, UnsafeFileError


def regression():
    model = hornbeam.Sequential([hornbeam.Input((2,)), hornbeam.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def test_limits_of_fit():
    try:
        config.set_max_epochs(2)
        config.set_max_steps_per_epoch(1)
        seen = []
        counter = hornbeam.callbacks.LambdaCallback(
            on_train_batch_end=lambda b, logs: seen.append(b)
        )
        history = regression().fit(
            np.ones((8, 2)), np.ones((8, 1)), batch_size=2, epochs=5, verbose=0, callbacks=[counter]
        )
        assert history.epoch == [0, 1]
        assert seen == [0, 0]
    finally:
        config.set_max_epochs(None)
        config.set_max_steps_per_epoch(None)
    with pytest.raises(InputError, match="positive int"):
        config.set_max_epochs(0)


def test_tracebacks_leave_out_own_frames_unless_asked():
    def frames():
        with pytest.raises(ValueError, match="rows") as caught:
            regression().fit(np.ones((4, 2)), np.ones((3, 1)), verbose=0)
        return [f.filename for f in traceback.extract_tb(caught.value.__traceback__)]

    short = frames()
    try:
        config.disable_traceback_filtering()
        whole = frames()
    finally:
        config.enable_traceback_filtering()
    assert len(short) < len(whole)
    assert any("loops.py" in name for name in whole)
    assert not any("loops.py" in name for name in short)


def test_what_is_refused():
    with pytest.raises(UnsafeFileError, match="never runs code"):
        config.enable_unsafe_deserialization()


def test_clear_session_numbers_names_anew():
    hornbeam.backend.clear_session()
    first = hornbeam.layers.Dense(1).name
    hornbeam.layers.Dense(1)
    hornbeam.backend.clear_session()
    assert hornbeam.layers.Dense(1).name == first == "dense"
