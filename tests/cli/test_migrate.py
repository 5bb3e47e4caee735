"""`hornbeam migrate`: what it rewrites, what it leaves and says, and that the result runs."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import hornbeam
from hornbeam import cli
from hornbeam.cli.migrate import main, migrated
from hornbeam.compat import keras as stand_in

ROOT = Path(__file__).resolve().parents[2]

LINES = [
    ("import keras", "import hornbeam as keras"),
    ("import keras as k", "import hornbeam as k"),
    ("from tensorflow import keras", "import hornbeam as keras"),
    ("import keras.backend as K", "import hornbeam.compat.backend as K"),
    ("from keras import backend as K", "from hornbeam.compat import backend as K"),
    ("from keras import layers, ops", "from hornbeam import layers, ops"),
    ("from tensorflow.keras.models import Model", "from hornbeam.models import Model"),
    ("from keras.layers.core import Dense, Flatten", "from hornbeam.layers import Dense, Flatten"),
    ("from keras.layers import Deconvolution2D", "from hornbeam.layers import Conv2DTranspose"),
    ("from keras.engine.topology import Layer", "from hornbeam.layers import Layer"),
    ("from keras.layers import Dense, Merge",
     "from hornbeam.layers import Dense\nfrom hornbeam.compat.merging import Merge"),
    ("from keras.preprocessing.text import Tokenizer",
     "from hornbeam.compat.text import Tokenizer"),
    ("from keras.utils.np_utils import to_categorical",
     "from hornbeam.compat.np_utils import to_categorical"),
    ("from keras.utils import np_utils", "from hornbeam.compat import np_utils"),
    ("from keras.layers import core", "from hornbeam import layers as core"),
    ("from keras.preprocessing import sequence", "from hornbeam.compat import sequence"),
    ("from keras.datasets import mnist", "from hornbeam.datasets import mnist"),
    ("x.fit(a, b, nb_epoch=3)", "x.fit(a, b, epochs=3)"),
    ("x.fit_generator(g, steps_per_epoch=3)", "x.fit(g, steps_per_epoch=3)"),
    ("layers.Dense(3, W_regularizer=l2(0.1))", "layers.Dense(3, kernel_regularizer=l2(0.1))"),
    ('layers.Convolution2D(3, 2, 4, dim_ordering="th")',
     "layers.Conv2D(3, (2, 4), data_format='channels_first')"),
    ("s = 'é'; layers.Dropout(p=0.5)  # p=0.5", "s = 'é'; layers.Dropout(rate=0.5)  # p=0.5"),
    ("import numpy as np", "import numpy as np"),
    ("Dense(output_dim=3)", "Dense(output_dim=3)"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), LINES)
def test_lines(old, new):
    assert migrated(old)[0] == new


@pytest.mark.parametrize(
    ("source", "note"),
    [
        ("model.predict_classes(x)", "argmax"),
        ("optimizers.SGD(lr=0.1, decay=0.1)", r"SGD\(decay=...\)"),
        ("m.fit(x, workers=3)", "read in this process"),
        ("from keras.utils import multi_gpu_model", "one device"),
        ("import os, keras", "write one for each"),
        ("import keras.layers", "binds `keras`"),
        ("m.fit_generator(g, samples_per_epoch=3)", "takes more than a new name"),
    ],
)
def test_what_it_cannot_decide_is_listed(source, note):
    import re

    (found,) = migrated(source)[1]
    assert found[0] == 1
    assert re.search(note, found[1])


PROGRAM = """
import numpy as np
from keras.models import Sequential
from keras.layers.core import Dense, Flatten
from keras.layers.convolutional import Convolution2D, MaxPooling2D
from keras.optimizers import SGD
from keras.utils import np_utils

x = np.random.default_rng(0).normal(size=(8, 6, 6, 1)).astype("float32")
y = np_utils.to_categorical(np.arange(8) % 2, 2)
model = Sequential()
model.add(Convolution2D(2, 3, 3, border_mode="same", dim_ordering="tf",
                        input_shape=(6, 6, 1)))
model.add(MaxPooling2D((2, 2)))
model.add(Flatten())
model.add(Dense(output_dim=2, activation="softmax", init="uniform"))
model.compile(SGD(lr=0.1), "categorical_crossentropy")
model.fit(x, y, nb_epoch=2, batch_size=4, verbose=0, shuffle=False)
result = model.predict(x, verbose=0)
"""


def run(source):
    names: dict[str, object] = {}
    hornbeam.backend.clear_session(free_memory=False)
    hornbeam.utils.set_random_seed(1)
    exec(source, names)
    return names["result"]


def test_a_migrated_program_runs_without_a_warning_and_gives_the_same():
    with warnings.catch_warnings(), stand_in.installed():
        warnings.simplefilter("ignore", DeprecationWarning)
        before = run(PROGRAM)
    new, notes = migrated(PROGRAM)
    assert notes == []
    assert "keras" not in new
    np.testing.assert_allclose(run(new), before, rtol=1e-6)


def test_the_command_shows_first_and_writes_when_told(tmp_path, capsys):
    file = tmp_path / "old.py"
    file.write_text("import keras\nm.predict_classes(x)\n")
    assert main([str(file)]) == 0
    shown = capsys.readouterr().out
    assert "-import keras\n+import hornbeam as keras\n" in shown
    assert f"{file}:2: predict_classes() is gone" in shown
    assert file.read_text().startswith("import keras")
    assert main(["--write", str(file)]) == 0
    assert file.read_text().startswith("import hornbeam as keras")


def test_files_that_cannot_be_read(tmp_path, capsys):
    bad = tmp_path / "bad.py"
    bad.write_text("print 'Python 2'")
    assert main([str(bad), str(tmp_path / "none.py")]) == 1
    errors = capsys.readouterr().err
    assert "bad.py" in errors
    assert "none.py" in errors


def test_as_a_subcommand(tmp_path, capsys):
    file = tmp_path / "old.py"
    file.write_text("import keras\n")
    assert cli.main(["migrate", str(file)]) == 0
    assert "+import hornbeam as keras" in capsys.readouterr().out


def test_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "hornbeam.cli.migrate", "--help"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    assert "hornbeam migrate" in done.stdout
