"""`import keras` as Hornbeam, and where the names of older versions are."""

from __future__ import annotations

import sys
import types

import pytest

import hornbeam
from hornbeam.compat import backend as K
from hornbeam.compat import keras as stand_in
from hornbeam.compat import paths


@pytest.fixture
def keras():
    with stand_in.installed() as module:
        yield module


def test_import_keras_means_hornbeam(keras):
    import keras as imported
    from keras import layers, ops
    from keras.layers import Dense
    from keras.models import Sequential
    from keras.src.layers.core.dense import Dense as DenseOfSource
    from keras.src.saving.serialization_lib import deserialize_keras_object
    from keras.src.utils.naming import to_snake_case

    assert imported is keras
    assert Dense is DenseOfSource is layers.Dense is hornbeam.layers.Dense
    assert Sequential is hornbeam.Sequential is imported.Sequential
    assert ops.add is hornbeam.ops.add
    assert deserialize_keras_object is hornbeam.saving.deserialize_keras_object
    assert to_snake_case("OneTwo") == "one_two"
    assert imported.__version__.startswith("3.")
    assert imported.version() == imported.__version__


def test_a_star_import(keras):
    names: dict[str, object] = {}
    exec("from keras.layers import *", names)
    assert names["Dense"] is hornbeam.layers.Dense


def test_modules_and_functions_of_one_name(keras):
    from keras.layers import merge
    from keras.layers.merge import concatenate

    assert concatenate is hornbeam.layers.concatenate
    a, b = hornbeam.Input((2,)), hornbeam.Input((2,))
    with pytest.warns(DeprecationWarning, match="Multiply"):
        assert merge([a, b], mode="mul").shape == (None, 2)
    with pytest.raises(TypeError, match="is a module"):
        sys.modules["keras.layers"]()


def test_what_was_there_before_comes_back():
    before = sys.modules.get("keras")
    with stand_in.installed():
        import keras

        assert isinstance(keras, stand_in.StandIn)
    assert sys.modules.get("keras") is before


def test_it_must_come_first():
    fake = types.ModuleType("keras")
    before = {n: m for n, m in sys.modules.items() if n.partition(".")[0] == "keras"}
    try:
        sys.modules["keras"] = fake
        with pytest.raises(ValueError, match="before anything imports it"):
            stand_in.install()
    finally:
        del sys.modules["keras"]
        sys.modules.update(before)


def test_names_that_never_were(keras):
    with pytest.raises(AttributeError, match=r"keras\.layers.*no attribute 'Dens'"):
        _ = keras.layers.Dens
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = keras.nothing
    with pytest.raises(ModuleNotFoundError, match="nothing"):
        import keras.nothing


def test_the_module_itself_can_be_used():
    assert stand_in.layers.core.Dense is hornbeam.layers.Dense
    assert stand_in.objectives.mean_squared_error is hornbeam.losses.mean_squared_error


OLD = [(area, name) for area in paths.OLD for name in paths.OLD[area]]
# Written by the parts of the house that are not there yet, or not everywhere.
ELSEWHERE = {("callbacks", "TensorBoard")}


@pytest.mark.parametrize(("area", "name"), OLD)
def test_every_old_name_leads_somewhere(area, name):
    if (area, name) not in ELSEWHERE:
        assert callable(paths.lookup(area, "", name))


GONE = [(area, name) for area in paths.GONE for name in paths.GONE[area]]


@pytest.mark.parametrize(("area", "name"), GONE)
def test_what_is_gone_says_what_to_do(area, name):
    module, _, last = name.rpartition(".")
    found = paths.lookup(area, module, last)
    if isinstance(found, paths.Gone):  # some are here after all
        with pytest.raises(NotImplementedError, match="is gone: .{10}"):
            found()
        with pytest.raises(NotImplementedError, match="is gone"):
            types.new_class("Mine", (found,))
        assert name in repr(found)


def test_multi_gpu_model_names_the_modern_answer(keras):
    from keras.utils import multi_gpu_model

    with pytest.raises(NotImplementedError, match="DataParallel"):
        multi_gpu_model(None, gpus=2)


@pytest.mark.parametrize("name", sorted(K.GONE))
def test_what_is_gone_of_the_backend(name):
    with pytest.raises(NotImplementedError, match=r"belonged to static graphs: .{10}"):
        getattr(K, name)()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: K.set_value(1.0, 2.0), "learning_rate = value"),
        (lambda: K.set_image_dim_ordering("mx"), '"tf" or "th"'),
        (lambda: K.normalize_data_format("mx"), "channels_first"),
        (lambda: K.placeholder((1,), sparse=True), "no sparse tensors"),
        (lambda: K.set_learning_phase(3), "0 or 1"),
        (lambda: K.function([], [], updates=[1]), "variable.assign"),
        (lambda: K.pool2d(None, 2, pool_mode="min"), '"max" or "avg"'),
    ],
)
def test_mistakes_with_the_backend(call, message):
    with pytest.raises((ValueError, NotImplementedError), match=message):
        call()
