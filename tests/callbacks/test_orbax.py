"""`OrbaxCheckpoint`: numbered folders of a directory, which load on every engine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hornbeam
from hornbeam.callbacks import OrbaxCheckpoint
from hornbeam.errors import CorruptFileError, InputError, UnsafeFileError, UnsupportedError
from hornbeam.saving import checkpoints
from tests.engines import TRAINABLE

X = np.random.default_rng(0).random((8, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def compiled() -> Any:
    model = hornbeam.Sequential([hornbeam.Input((3,)), hornbeam.layers.Dense(1)])
    model.compile("adam", "mse")
    return model


def fitted(directory: Any, epochs: int = 3, **options: Any) -> Any:
    model = compiled()
    keep = OrbaxCheckpoint(directory, **options)
    model.fit(X, Y, 2, epochs, verbose=0, callbacks=[keep])
    return model


def files(directory: Path) -> list[str]:
    return sorted(str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file())


@pytest.mark.parametrize("engine", TRAINABLE)
@pytest.mark.parametrize("background", [True, False])
def test_a_model_comes_back_with_its_optimizer(
    engine: str, background: bool, tmp_path: Path
) -> None:
    with hornbeam.use_backend(engine):
        model = fitted(tmp_path, save_on_background=background)
        assert files(tmp_path) == ["2/model.keras", "checkpoints.json"]
        for place in (tmp_path, tmp_path / "2", str(tmp_path)):
            loaded = hornbeam.saving.load_model(place)
            for a, b in zip(loaded.get_weights(), model.get_weights(), strict=True):
                np.testing.assert_array_equal(a, b)
            assert int(loaded.optimizer.iterations) == 12
        other = compiled()
        assert other.load_weights(tmp_path).complete
        np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])


@pytest.mark.parametrize(
    ("options", "folders"),
    [
        ({"max_to_keep": 2}, ["1", "2"]),
        ({"max_to_keep": None}, ["0", "1", "2"]),
        ({"save_freq": 3, "max_to_keep": None}, ["12", "3", "6", "9"]),  # as Keras numbers them
        ({"save_freq": 5}, ["10"]),
    ],
)
def test_what_is_kept(options: Any, folders: list[str], tmp_path: Path) -> None:
    fitted(tmp_path, **options)
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_dir()) == folders
    newest = max(map(int, folders))
    assert checkpoints.file_in(tmp_path) == tmp_path / str(newest) / "model.keras"


def test_the_newest_is_the_one_that_was_written_last(tmp_path: Path) -> None:
    fitted(tmp_path, epochs=3, max_to_keep=2)
    (tmp_path / "1" / "notes.txt").write_text("mine")
    model = fitted(tmp_path, epochs=1, max_to_keep=2)  # begins with 0 again
    assert checkpoints.steps(tmp_path) == [2, 0]
    loaded = hornbeam.saving.load_model(tmp_path)
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])
    fitted(tmp_path, epochs=2, max_to_keep=1)
    assert files(tmp_path) == ["1/model.keras", "1/notes.txt", "checkpoints.json"]
    fitted(tmp_path, epochs=3, max_to_keep=1)
    assert files(tmp_path) == ["1/notes.txt", "2/model.keras", "checkpoints.json"]


def test_the_weights_alone(tmp_path: Path) -> None:
    model = fitted(tmp_path, save_weights_only=True)
    assert files(tmp_path) == ["2/model.weights.h5", "checkpoints.json"]
    other = compiled()
    other.load_weights(tmp_path)
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])
    with pytest.raises(UnsupportedError, match="holds weights and no model .*load_weights"):
        hornbeam.saving.load_model(tmp_path)


def test_only_what_is_better_is_saved(tmp_path: Path, capsys: Any) -> None:
    scores = iter([3.0, 4.0, 1.0, 2.0])

    def score(epoch: int, logs: dict[str, Any]) -> None:
        logs["score"] = next(scores)

    keep = OrbaxCheckpoint(tmp_path, "score", 1, save_best_only=True, mode="min", max_to_keep=None)
    listeners = [hornbeam.callbacks.LambdaCallback(on_epoch_end=score), keep]
    compiled().fit(X, Y, epochs=4, verbose=0, callbacks=listeners)
    assert checkpoints.steps(tmp_path) == [0, 2]
    assert "score improved from 3.00000 to 1.00000, saving model to" in capsys.readouterr().out
    assert keep.best == 1.0
    assert (keep.is_multihost_enabled(), keep.is_primary_host()) == (False, True)


def test_values_are_those_of_the_moment(tmp_path: Path) -> None:
    """What is written in the thread does not change with the model."""
    model = compiled()
    keep = OrbaxCheckpoint(tmp_path)
    keep.set_model(model)
    before = model.get_weights()[0]
    keep.on_epoch_end(0, {})
    model.set_weights([w + 1 for w in model.get_weights()])
    keep.wait_until_finished()
    np.testing.assert_array_equal(hornbeam.saving.load_model(tmp_path).get_weights()[0], before)


def test_errors_of_the_thread_come_up(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file") as caught:
        fitted(tmp_path / "file", epochs=1)
    assert "while a checkpoint was written to" in caught.value.__notes__[-1]


def orbax(path: Path) -> Path:
    (path / "3").mkdir(parents=True)
    (path / "3" / "_CHECKPOINT_METADATA").write_text("{}")
    return path


def damaged(path: Path) -> Path:
    path.mkdir()
    (path / "checkpoints.json").write_text('{"steps": ["../x"]}')
    return path


def empty(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (orbax, UnsupportedError, "written by the Orbax library.*keras.saving.load_model"),
        (damaged, CorruptFileError, "The index .* is damaged"),
        (empty, UnsafeFileError, "no directory of checkpoints: it holds neither an index"),
    ],
)
def test_other_directories(make: Any, error: Any, match: str, tmp_path: Path) -> None:
    place = make(tmp_path / "place")
    with pytest.raises(error, match=match):
        hornbeam.saving.load_model(place)
    with pytest.raises(error, match=match):
        compiled().load_weights(place)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"directory": ""}, "must have a name"),
        ({"max_to_keep": 0}, "`max_to_keep` must be a positive int or None, got 0"),
        ({"save_freq": "x"}, "OrbaxCheckpoint: `save_freq` must be 'epoch' or a number of batches"),
        ({"save_freq": 0}, "OrbaxCheckpoint: `save_freq` must be"),
        ({"mode": "least"}, "`mode` must be 'auto', 'min' or 'max'"),
    ],
)
def test_arguments(options: Any, match: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=match):
        OrbaxCheckpoint(**{"directory": os.fspath(tmp_path), **options})
