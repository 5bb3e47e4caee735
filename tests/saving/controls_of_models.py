"""Fixtures and controls of `test_safe_loading_controls`: configs and HDF5 files."""

import textwrap

from tests.saving.test_safe_loading import PREAMBLE

COMMON = PREAMBLE + textwrap.dedent(
    """
    import ast, contextlib, zlib, hashlib, itertools, stat, tarfile
    from unittest import mock
    from hornbeam import config as settings, datasets, models, utils
    from hornbeam.datasets import pickles
    from hornbeam.errors import HornbeamError
    from hornbeam.saving import files, json_format, pickling
    from hornbeam.utils import archives
    warnings.simplefilter("ignore")
    K = "layers/dense/vars/0"
    count = itertools.count()
    BARE = (TypeError, ValueError, KeyError, AttributeError, MemoryError)

    def armed_call(call):
        files_before = {p for p in folder.rglob("*") if "/made" not in str(p)}
        tripped.clear(); armed[0] = True
        try: return call()
        finally:
            armed[0] = False
            new = {p for p in folder.rglob("*") if "/made" not in str(p)} - files_before
            assert not tripped and not MARKER.exists() and not new, (tripped[:3], new)
    def refused(call, allowed):
        try: armed_call(call)
        except (HornbeamError, *allowed): return
        raise AssertionError("was accepted")
    def quietly(words):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            if main(words): raise HornbeamError("refused")

    def row(name, ways, good, bad, malformed, harmful, safe=None):
        ways = ways if isinstance(ways, list) else [ways]
        try:
            for way in ways:
                call, *allowed = way if isinstance(way, tuple) else (way,)
                call(good)  # one
                if safe is None: refused(lambda: call(bad), allowed)
                else: assert safe(armed_call(lambda: call(bad))), "it was not left alone"
            assert malformed(bad), "the fixture is not malformed"  # two
            assert not MARKER.exists()
            assert harmful(bad), "harmless without a guard"  # three
        except BaseException as error:
            import traceback
            print("FAIL", name, repr(error), traceback.format_exc()[-900:].replace("\\n", "|"))
        else: print("row", name, len(ways))
        finally:
            if MARKER.exists(): MARKER.unlink()
            sys.modules.pop("canary_mod", None)
    def leaves_marker(act):
        def harmful(bad):
            with contextlib.suppress(Exception): act(bad)
            return MARKER.exists()
        return harmful
    class Bomb:
        def __reduce__(self): return (open, (str(MARKER), "w"))
    made = folder / "made"; made.mkdir()  # what the tests write themselves
    def fresh(suffix=""): return str(made / f"{next(count)}{suffix}")
    """
)

CONFIGS = textwrap.dedent(
    """
    def record(name, config, module="keras.layers", registered=None):
        return {"module": module, "class_name": name, "config": config, "registered_name": registered}
    def function(name, module="builtins"):
        return {"module": module, "class_name": "function", "config": name, "registered_name": name}
    def keras_file(layer, path=None, content=None):
        config = copy.deepcopy(GOOD); config["config"]["layers"] += [layer] if layer else []
        path = path or fresh(".keras")
        with zipfile.ZipFile("good.keras") as old, zipfile.ZipFile(path, "w") as new:
            for n in old.namelist():
                new.writestr(n, json.dumps(config) if n == "config.json" else old.read(n))
        return path
    def h5_file(layer):
        path = fresh(".h5"); good.save(path)
        with h5py.File(path, "r+") as root:
            config = json.loads(root.attrs["model_config"])
            config["config"]["layers"] += [layer] if layer else []
            root.attrs["model_config"] = json.dumps(config)
        return path
    def checkpoint(layer):
        place = pathlib.Path(fresh()); (place / "3").mkdir(parents=True)
        (place / "checkpoints.json").write_text('{"steps": [3]}')
        keras_file(layer, place / "3" / "model.keras")
        return place
    def config_of(layer):
        config = copy.deepcopy(GOOD); config["config"]["layers"] += [layer] if layer else []
        return config
    WAYS = [
        lambda layer: load_model(keras_file(layer)),
        lambda layer: load_model(pathlib.Path(keras_file(layer)), compile=False),
        lambda layer: load_model(h5_file(layer)),
        lambda layer: load_model(checkpoint(layer)),
        lambda layer: model_from_json(json.dumps(config_of(layer))),
        lambda layer: saving.model_from_yaml(yaml.safe_dump(config_of(layer))),
        lambda layer: pickling.restored(open(keras_file(layer), "rb").read(), {}, "numpy"),
        lambda layer: quietly(["convert", keras_file(layer), fresh(".npz")]),
        (lambda layer: hornbeam.Sequential.from_config(config_of(layer)["config"]), *BARE),
    ]
    def stored(layer):
        with zipfile.ZipFile(keras_file(layer)) as z: a = json.loads(z.read("config.json"))
        with h5py.File(h5_file(layer)) as f: b = json.loads(f.attrs["model_config"])
        return a["config"]["layers"][-1] == b["config"]["layers"][-1] == layer
    def layer_row(name, layer, harmful, ways=WAYS, good=None):
        row(name, ways, good, layer, stored, harmful)

    code = base64.b64encode(marshal.dumps(compile(f"open({str(MARKER)!r}, 'w')", "x", "exec"))).decode()
    bomb = base64.b64encode(pickle.dumps(Bomb())).decode()
    bytecode = {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}
    lambda_layer = record("Lambda", {"name": "l", "arguments": {}, "function": bytecode})
    def decode(layer):
        exec(marshal.loads(base64.b64decode(layer["config"]["function"]["config"]["code"])))
    def by_name(layer):
        found = layer["config"]["function"]
        return getattr(importlib.import_module(found["module"]), found["config"])
    def a_lambda(name, module, **more):
        return record("Lambda", {"name": "l", "function": function(name, module), **more})
    layer_row("A1", lambda_layer, leaves_marker(decode))
    layer_row("A2", lambda_layer, leaves_marker(decode), WAYS[2])
    dense = record("Dense", {"name": "x", "units": 1})
    layer_row("A3", lambda_layer, leaves_marker(decode), [  # nothing says that loading is to be safe
        (saving.deserialize_keras_object,), (layers.deserialize, *BARE),
        (lambda layer: getattr(layers, layer["class_name"]).from_config(layer["config"]), *BARE),
    ], dense)
    layer_row("A4", a_lambda("f", "canary_mod"), leaves_marker(by_name))
    layer_row("A4", record("Evil", {}, "canary_mod", "Evil"),
              leaves_marker(lambda layer: importlib.import_module(layer["module"])))
    fetched = made / "cache"
    layer_row("A5", a_lambda("get_file", "hornbeam.utils", arguments={
        "origin": (folder / "canary.txt").as_uri(), "cache_dir": str(fetched)}),
        lambda layer: "CANARY1" in open(by_name(layer)(**layer["config"]["arguments"])).read())
    def a_setter(layer):
        before = settings.epsilon(); by_name(layer)(0.5); changed = settings.epsilon() != before
        settings.set_epsilon(before)
        return changed
    layer_row("A6", a_lambda("set_epsilon", "hornbeam.config"), a_setter)
    row("A7", saving.deserialize_keras_object, function("relu"), function("set_epsilon"),
        lambda f: f["config"] in dir(settings) and f["config"] not in dir(hornbeam.activations),
        lambda f: a_setter({"config": {"function": {**f, "module": "hornbeam.config"}}}))
    layer_row("A8", record("TorchModuleWrapper", {"name": "l", "module": bomb}),
              leaves_marker(lambda layer: pickle.loads(base64.b64decode(layer["config"]["module"]))))
    elsewhere = made / "canary_dir"; elsewhere.mkdir(); (elsewhere / "x").write_text("CANARY")
    layer_row("A9", record("TFSMLayer", {"name": "l", "filepath": str(elsewhere)}),
              lambda layer: os.listdir(layer["config"]["filepath"]) == ["x"])
    text = {"A10": f"!!python/object/apply:builtins.open [{str(MARKER)!r}, w]",
            "A11": "!!python/name:canary_mod.f"}
    text_ways = [saving.model_from_yaml, lambda text: quietly(["convert", "--model", yaml_file(text),
                 "good.weights.h5", fresh(".keras")])]
    def yaml_file(text):
        path = fresh(".yaml"); open(path, "w").write(text)
        return path
    for name, bad in text.items():
        row(name, text_ways, yaml.safe_dump(GOOD), bad,
            lambda t: any("python/" in str(getattr(e, "tag", "")) for e in yaml.parse(t)),
            leaves_marker(yaml.unsafe_load))
    layer_row("A12", record("Dense", {"units": 1}, registered="canary_mod"),
              leaves_marker(lambda layer: importlib.import_module(layer["registered_name"])))
    def untyped(layer):
        try: getattr(layers, layer["class_name"])(**layer["config"])
        except HornbeamError: return False
        except Exception: return True
    for wrong in ([1, 2, 3], 7, "x"): layer_row("A13", record("Dense", wrong), untyped)
    def sets_all(layer):
        class Weak: pass
        made_of = Weak()
        for key, value in layer["config"].items(): setattr(made_of, key, value)
        return type(made_of) is not Weak or hasattr(made_of, "_hidden")
    layer_row("A14", record("Dense", {"units": 1, "_hidden": "x"}), sets_all)
    # A15: the file is another one by the time its config is parsed
    def swapping(loader):
        def way(layer):
            path, other = keras_file(None), keras_file(layer)
            real = json_format.parse
            def parse(text):
                if os.path.exists(other): os.replace(other, path)
                return real(text)
            with mock.patch.object(json_format, "parse", parse): return loader(path)
        return way
    def checks_then_opens(path):
        load_model(path)
        with zipfile.ZipFile(path) as z: config = json.loads(z.read("config.json"))
        decode(config["config"]["layers"][-1])
    row("A15", swapping(load_model), None, lambda_layer, stored,
        leaves_marker(swapping(checks_then_opens)), lambda model: len(model.layers) == 1)
    layer_row("A16", lambda_layer, leaves_marker(decode), WAYS[6])
    for kind in ("StringLookup", "IntegerLookup", "TextVectorization"):
        for name in (str(folder / "canary.txt"), (folder / "canary.txt").as_uri()):
            layer_row("B1", record(kind, {"name": "l", "vocabulary": name}), lambda layer: "CANARY1" in
                      open(layer["config"]["vocabulary"].removeprefix("file://")).read())
    def escapes_as_folder(layer):
        (made / "deep").mkdir(exist_ok=True)
        os.makedirs(os.path.join(made / "deep", layer["config"]["name"]), exist_ok=True)
        return (made / "escape").is_dir()
    layer_row("C10", record("Dense", {"name": "../escape", "units": 1}), escapes_as_folder)
    import hornbeam.variables
    def asks_for_all(layer):  # the limit is taken out
        with mock.patch.object(hornbeam.variables.AllocationBudget, "spend", lambda *a: None):
            try: model_from_json(json.dumps(config_of(layer)))
            except MemoryError: return True  # it did ask for so much
            except FileError as error: return "MemoryError" in str(error)
    layer_row("D8", record("Dense", {"name": "l", "units": 2**50}), asks_for_all)
    """
)

HDF5 = textwrap.dedent(
    """
    with h5py.File("canary.h5", "w") as f: f[K] = np.full((4, 2), 1234.5, "f4"); f["d"] = f[K]
    def h5(*changes):
        path = fresh(".weights.h5"); tiny().save_weights(path)
        with h5py.File(path, "r+") as root:
            for change in changes: change(root)
        return path
    def without(path): return lambda root: root.__delitem__(path)
    def in_keras(path):
        target = fresh(".keras")
        with zipfile.ZipFile("good.keras") as old, zipfile.ZipFile(target, "w") as new:
            for n in old.namelist():
                new.writestr(n, open(path, "rb").read() if n.endswith(".h5") else old.read(n))
        return target
    def index_of(path, shard=None):
        place = fresh(".weights.json")
        named = shard or os.path.basename(path)
        index = {"metadata": {}, "weight_map": {"/layers/dense/vars": [named]}}
        open(place, "w").write(json.dumps(index))
        return place
    FILES = [lambda p: tiny().load_weights(p), lambda p: tiny().load_weights(p, skip_mismatch=True),
             lambda p: tiny().load_weights(p, by_name=True), saving.KerasFileEditor,
             lambda p: quietly(["inspect", p]), lambda p: load_model(in_keras(p)),
             lambda p: tiny().load_weights(in_keras(p)), lambda p: tiny().load_weights(index_of(p))]
    def virtual(root):
        layout = h5py.VirtualLayout((4, 2), "f4")
        layout[...] = h5py.VirtualSource(str(folder / "canary.h5"), "d", (4, 2))
        root.create_virtual_dataset(K, layout)
    def dataset(*args, **kwargs): return lambda root: root.create_dataset(K, *args, **kwargs)
    def shows_canary(path):
        with h5py.File(path) as f: return bool((f[K][()] == 1234.5).all())
    def read_back(test):
        def malformed(path):
            with h5py.File(path) as f: return test(f)
        return malformed
    def outside(place): return lambda root: root.__setitem__(
        place, h5py.ExternalLink(str(folder / "canary.h5"), "/" + place))
    fine = h5()
    row("B2", FILES, fine, h5(without(K), dataset((4, 2), "f4", external=[
        (str(folder / "canary.bin"), 0, 32)])), read_back(lambda f: f[K].external), shows_canary)
    row("B3", FILES, fine, h5(without(K), virtual), read_back(lambda f: f[K].is_virtual), shows_canary)
    def is_outside(place): return read_back(
        lambda f: isinstance(f.get(place, getlink=True), h5py.ExternalLink))
    row("B4", FILES, fine, h5(without(K), outside(K)), is_outside(K), shows_canary)
    for place in ("layers/dense/vars", "layers/dense", "layers"):
        row("B5", FILES, fine, h5(without(place), outside(place)), is_outside(place), shows_canary)
    row("B5", FILES, fine, h5(without("layers"), lambda r: r.__setitem__("layers", h5py.SoftLink("/o")),
        lambda r: r.create_dataset("o/dense/vars/0", data=np.full((4, 2), 1234.5, "f4"))),
        read_back(lambda f: isinstance(f.get("layers", getlink=True), h5py.SoftLink)), shows_canary)
    for name, shape in [("D1", 2**50), ("D2", 3 * 2**27)]:
        bomb = dataset((shape,), "f8", chunks=(1024,), compression="gzip")
        row(name, FILES, fine, h5(without(K), bomb), read_back(
            lambda f: f[K].id.get_storage_size() == 0),
            lambda p: h5py.File(p)[K].nbytes > 100_000 * os.stat(p).st_size)
    def packed_bomb(root):
        made_of = root.create_dataset(K, (4, 2), "f4", chunks=(4, 2), compression="gzip")
        made_of.id.write_direct_chunk((0, 0), zlib.compress(bytes(2**24)))
    def unpacks_all(path):
        with h5py.File(path) as f: packed = f[K].id.read_direct_chunk((0, 0))[1]
        return len(zlib.decompress(packed)) == 2**24
    row("D1", FILES, fine, h5(without(K), packed_bomb),
        read_back(lambda f: f[K].id.get_storage_size() > 1000 * f[K].nbytes / 32), unpacks_all)
    row("D10", FILES, fine, h5(lambda r: r["layers"].__setitem__("loop", r["layers"])),
        read_back(lambda f: "loop" in f["layers/loop"]),
        read_back(lambda f: "loop" in f["layers" + "/loop" * 50]))
    big = "x" * (17 * 2**20)
    row("D10", FILES, fine, h5(lambda r: r[K].attrs.__setitem__("sha256", big)),
        read_back(lambda f: len(f[K].attrs["sha256"]) > 2**24),
        read_back(lambda f: len(f[K].attrs["sha256"]) > 10_000 * f[K].nbytes))
    row("E9", FILES, fine, h5(without(K), dataset(data=np.zeros((4, 2), "f4"), compression="lzf")),
        read_back(lambda f: f[K].compression == "lzf"), read_back(lambda f: f[K][()].shape == (4, 2)))
    # files beside an index
    def shard_row(name, shard, malformed):
        bad = index_of("", shard)
        row(name, lambda p: tiny().load_weights(p), index_of(fine), bad, malformed,
            lambda p: shows_canary(os.path.join(made, json.load(open(p))["weight_map"][
                "/layers/dense/vars"][0])))
    shard_row("B7", "../canary.h5", lambda p: "../" in open(p).read())
    shard_row("B7", str(folder / "canary.h5"), lambda p: f'"{folder}' in open(p).read())
    os.symlink(folder / "canary.h5", made / "link.weights.h5")
    shard_row("B8", "link.weights.h5", lambda p: os.path.islink(made / "link.weights.h5"))
    os.mkfifo(made / "pipe.weights.h5")
    row("B7", lambda p: tiny().load_weights(p), index_of(fine), index_of("", "pipe.weights.h5"),
        lambda p: stat.S_ISFIFO(os.stat(made / "pipe.weights.h5").st_mode),
        lambda p: os.open(made / "pipe.weights.h5", os.O_RDONLY | os.O_NONBLOCK) > 2)
    """
)
