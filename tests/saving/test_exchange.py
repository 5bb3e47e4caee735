"""What Hornbeam saves, the Keras of this environment loads and trains on.

Other versions were tried by hand: see docs/exchange.md.  The other direction is in `test_corpus`: files
that each Keras made.
"""

import json

import pytest

import hornbeam
from tools import exchange

keras = pytest.importorskip("keras")


@pytest.mark.parametrize("name", exchange.MODELS)
def test_keras_predicts_and_trains_on_what_was_saved(name, tmp_path):
    path = tmp_path / f"hornbeam_{name}.keras"
    exchange.write(hornbeam, name, path)
    found = exchange.check(keras, name, path)
    assert set(found) == set(exchange.FIGURES)
    assert max(found.values()) <= exchange.limit(name), found


def test_differences_are_noticed(tmp_path):
    path = tmp_path / "hornbeam_custom.keras"
    exchange.write(hornbeam, "custom", path)
    record = json.loads(path.with_suffix(".json").read_text())
    record["loss"] += 1e-3
    record["after"][0][0] += 1e-3
    path.with_suffix(".json").write_text(json.dumps(record))
    found = exchange.check(hornbeam, "custom", path)
    assert found["before"] == 0
    assert found["loss"] > exchange.LIMIT
    assert found["after"] > exchange.LIMIT
    entry = exchange.checked(hornbeam, "hornbeam", "custom", path)
    assert not entry["good"]
