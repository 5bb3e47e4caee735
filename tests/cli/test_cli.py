"""The command line: what it shows, converts and refuses."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import hornbeam
from hornbeam import layers
from hornbeam.cli import main

CORPUS = Path(__file__).parents[1] / "saving" / "corpus"


@pytest.fixture
def model(tmp_path):
    i = hornbeam.Input((3,), name="i")
    inner = hornbeam.Sequential([hornbeam.Input((3,)), layers.Dense(2, name="low")], name="inner")
    made = hornbeam.Model(i, inner(i) * 2.0, name="net")
    made.save(tmp_path / "m.keras")
    return made


def test_inspect_shows_layers_shapes_sizes_and_sums(model, tmp_path, capsys):
    assert main(["inspect", str(tmp_path / "m.keras")]) == 0
    shown = capsys.readouterr().out
    for text in ("net (Functional)", "inner (Sequential)", "low (Dense)", "float32 3x2, 24 bytes",
                 "2 tensors, 8 numbers, 32 bytes", "verified"):  # fmt: skip
        assert text in shown
    assert main(["inspect", "--no-verify", str(tmp_path / "m.keras")]) == 0
    assert "verified" not in capsys.readouterr().out


def test_inspect_builds_nothing_and_finds_damage(model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(hornbeam.layers.Layer, "__init__", None)  # no layer can be made
    path = tmp_path / "w.safetensors"
    monkeypatch.undo()
    model.save_weights(path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    monkeypatch.setattr(hornbeam.layers.Layer, "__init__", None)
    assert main(["inspect", str(tmp_path / "m.keras")]) == 0
    assert main(["inspect", str(path)]) == 1
    assert "DAMAGED" in capsys.readouterr().out


def test_inspect_reads_older_files(capsys):
    assert main(["inspect", str(CORPUS / "tf_keras_2.21.0_lstm.h5")]) == 0
    shown = capsys.readouterr().out
    assert "l (LSTM)" in shown
    assert "no check sum" in shown


def test_inspect_in_a_process_of_its_own(model, tmp_path, capfd, monkeypatch):
    path = str(tmp_path / "m.keras")
    assert main(["inspect", "--no-verify", "--timeout", "60", path]) == 0
    assert "low (Dense)" in capfd.readouterr().out
    assert main(["inspect", "--timeout", "60", str(tmp_path / "none.keras")]) == 1
    assert "There is no file" in capfd.readouterr().err
    assert main(["inspect", "--timeout", "0.001", path]) == 1
    assert "was not read within 0.001 seconds" in capfd.readouterr().err
    crash = tmp_path / "python"
    crash.write_text("#!/bin/sh\nkill -SEGV $$\n")
    crash.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(crash))
    assert main(["inspect", "--timeout", "60", path]) == 1
    assert "crashed (status -11)" in capfd.readouterr().err


@pytest.mark.parametrize(
    "target", ["n.keras", "n.weights.h5", "n.safetensors", "n.npz", "n.weights.json"]
)
def test_convert_and_back(target, model, tmp_path, capsys):
    made = str(tmp_path / target)
    assert main(["convert", str(tmp_path / "m.keras"), made]) == 0
    assert main(["convert", str(tmp_path / "m.keras"), str(tmp_path / "a.json")]) == 0
    back = ["convert", made, str(tmp_path / "back.keras")]
    assert main(back if target == "n.keras" else [*back, "--model", str(tmp_path / "a.json")]) == 0
    again = hornbeam.models.load_model(tmp_path / "back.keras")
    for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert "->" in capsys.readouterr().out


def test_convert_an_older_model(tmp_path):
    shutil.copy(CORPUS / "tf_keras_2.21.0_cnn.h5", tmp_path / "old.h5")
    assert main(["convert", str(tmp_path / "old.h5"), str(tmp_path / "new.keras")]) == 0
    assert hornbeam.models.load_model(tmp_path / "new.keras").output_shape == (None, 2)
    assert main(["convert", str(tmp_path / "old.h5"), str(tmp_path / "new.yaml")]) == 0
    text = (tmp_path / "new.yaml").read_text()
    assert hornbeam.saving.model_from_yaml(text).output_shape == (None, 2)


def test_what_convert_refuses(model, tmp_path, capsys):
    good = str(tmp_path / "m.keras")
    for words, message in [
        ([good, str(tmp_path / "m.onnx")], "says no format"),
        ([good, good], "pass `overwrite=True`"),
        ([str(tmp_path / "nothing.keras"), good], "no file"),
    ]:
        assert main(["convert", *words]) == 1
        assert message in capsys.readouterr().err
    weights = str(tmp_path / "w.npz")
    model.save_weights(weights)
    assert main(["convert", weights, str(tmp_path / "x.keras")]) == 1
    assert "`--model FILE`" in capsys.readouterr().err
    (tmp_path / "bad.json").write_text(json.dumps({"class_name": "os", "config": {}}))
    assert main(["convert", str(tmp_path / "bad.json"), str(tmp_path / "x.keras")]) == 1
    assert "neither built in nor registered" in capsys.readouterr().err


def test_doctor(capsys, monkeypatch):
    from hornbeam.cli import doctor

    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "jax" in shown
    assert "h5py" in shown
    real = doctor.version_of
    monkeypatch.setattr(doctor, "version_of", lambda p: None if p == "torch" else real(p))
    main(["doctor"])
    assert "pip install 'hornbeam[torch]'" in " ".join(capsys.readouterr().out.split())


def test_version_and_help(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert hornbeam.__version__ in capsys.readouterr().out
