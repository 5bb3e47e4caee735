"""Published weaknesses of loaders, each as a file, against every way in.

All run in one child process with an audit hook that notes code, imports, processes, sockets and files
elsewhere.  That the hook notes what it is there for is shown by `test_the_tripwire_works`; the controls
of each row of the table are in `test_safe_loading_controls`.
"""

import os
import subprocess
import sys
import textwrap

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

PREAMBLE = textwrap.dedent(
    """
    import base64, copy, importlib, io, json, marshal, os, pathlib, pickle, struct, sys
    import warnings, zipfile
    import h5py, numpy as np, yaml
    import hornbeam
    from hornbeam import layers, saving
    from hornbeam.cli import main
    from hornbeam.errors import FileError
    from hornbeam.models import load_model, model_from_json
    import hornbeam.saving.objects
    folder = pathlib.Path(sys.argv[1]); MARKER = folder / "MARKER"
    os.chdir(folder)
    (folder / "canary_mod.py").write_text(f"open({str(MARKER)!r}, 'w'); f = len")
    sys.path.insert(0, str(folder))
    (folder / "canary.txt").write_text("CANARY1\\nCANARY2")
    (folder / "canary.bin").write_bytes(np.full(8, 1234.5, "float32").tobytes())

    def tiny():
        model = hornbeam.Sequential(
            [hornbeam.Input((4,), name="i"), layers.Dense(2, name="d")], name="m")
        return model
    good = tiny(); good.save("good.keras"); good.save_weights("good.weights.h5")
    GOOD = json.loads(good.to_json())
    load_model("good.keras"); tiny().load_weights("good.weights.h5"); model_from_json(good.to_json())
    saving.model_from_yaml(yaml.safe_dump(GOOD)); main(["inspect", "good.keras"])
    main(["convert", "--overwrite", "good.keras", "warm.npz"]); tiny().load_weights("warm.npz")
    main(["convert", "--overwrite", "good.keras", "warm.safetensors"])
    copy.deepcopy(good); saving.KerasFileEditor("good.keras")
    for package in saving.objects.PACKAGES.values():  # the closed list that a file chooses from
        module = importlib.import_module(package)
        for name in module.__all__: getattr(module, name)

    tripped, armed = [], [False]
    ALLOWED = (str(folder), os.path.dirname(hornbeam.__file__), sys.prefix, sys.base_prefix, "/proc",
               "/sys", "/dev", "/usr/share/zoneinfo")
    STOP = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "marshal.",
            "pickle.find_class", "ctypes.dlopen", "os.symlink", "os.link")
    def hook(event, args):
        if not armed[0]: return
        if event.startswith(STOP): tripped.append((event, str(args)[:100]))
        elif event == "open" and isinstance(args[0], (str, bytes)):
            path = os.path.abspath(os.fsdecode(args[0]))
            if not path.startswith(ALLOWED) or "canary" in path: tripped.append((event, path))
        elif event == "import" and args[0].split(".")[0] in ("canary_mod", "subprocess_evil"):
            tripped.append((event, args[0]))
    sys.addaudithook(hook)
    """
)

TABLE = PREAMBLE + textwrap.dedent(
    """
    def state():
        c = hornbeam.config
        custom = sorted(saving.get_custom_objects())
        return c.floatx(), c.epsilon(), c.image_data_format(), c.backend(), custom

    def refused(name, call, allow=()):
        before, files = state(), set(os.listdir(folder))
        tripped.clear(); armed[0] = True
        try:
            call()
        except (FileError, *allow) as error:
            result = None
        except BaseException as error:
            result = f"{type(error).__name__}: {error}"
        else:
            result = "was accepted"
        finally:
            armed[0] = False
        problems = [result] if result else []
        if tripped: problems.append(f"tripped {tripped[:3]}")
        if MARKER.exists(): problems.append("MARKER"); MARKER.unlink()
        if state() != before: problems.append("global state changed")
        if set(os.listdir(folder)) - files: problems.append("files made")
        if "canary_mod" in sys.modules: problems.append("imported")
        if problems: print("FAIL", name, problems, flush=True)
        global count; count += 1
    count = 0

    def exits(words):
        def call():
            with open(os.devnull, "w") as hole:
                old = sys.stdout, sys.stderr; sys.stdout = sys.stderr = hole
                try: status = main(words)
                finally: sys.stdout, sys.stderr = old
            if status: raise FileError("refused")
        return call

    def archive(config, target="bad.keras", **members):
        with zipfile.ZipFile("good.keras") as old, zipfile.ZipFile(target, "w") as new:
            for n in old.namelist():
                new.writestr(n, json.dumps(config) if n == "config.json" else old.read(n))
            for n, content in members.items(): new.writestr(n, content)

    def legacy(config):
        with h5py.File("bad.h5", "w") as root:
            root.attrs["model_config"] = json.dumps(config)
            group = root.create_group("model_weights"); group.attrs["layer_names"] = [b"d"]
            d = group.create_group("d"); d.attrs["weight_names"] = [b"k", b"b"]
            d["k"], d["b"] = np.zeros((4, 2), "f4"), np.zeros(2, "f4")

    def with_layer(layer, old=False):
        config = copy.deepcopy(GOOD)
        config["config"]["layers"].append(layer)
        if old: config.pop("module", None)
        return config

    def everywhere(name, layer, alone=True):
        config = with_layer(layer)
        archive(config); legacy(with_layer(layer, True))
        refused(f"{name}: .keras", lambda: load_model("bad.keras"))
        refused(f"{name}: uncompiled", lambda: load_model("bad.keras", compile=False))
        refused(f"{name}: .h5", lambda: load_model("bad.h5"))
        refused(f"{name}: json", lambda: model_from_json(json.dumps(config)))
        refused(f"{name}: yaml", lambda: saving.model_from_yaml(yaml.safe_dump(config)))
        bare = (TypeError, ValueError, KeyError, AttributeError, MemoryError)  # no file, no file's error
        if alone:
            refused(f"{name}: deserialize", lambda: saving.deserialize_keras_object(layer), bare)
            refused(f"{name}: layer", lambda: layers.deserialize(layer), bare)
        refused(f"{name}: Sequential", lambda: hornbeam.Sequential.from_config(config["config"]), bare)
        refused(f"{name}: convert", exits(["convert", "bad.keras", "out.npz"]))
        exits(["inspect", "bad.keras"])  # builds nothing, and so may show it
        refused(f"{name}: safe_mode", lambda: load_model("bad.keras", safe_mode=False), (ValueError,))

    def record(class_name, config, module="keras.layers", registered=None):
        return {"module": module, "class_name": class_name, "config": config,
                "registered_name": registered}
    code = base64.b64encode(marshal.dumps(compile(f"open({str(MARKER)!r}, 'w')", "x", "exec"))).decode()
    def function(name, module="builtins"):
        return {"module": module, "class_name": "function", "config": name, "registered_name": name}
    class Bomb:
        def __reduce__(self): return (open, (str(MARKER), "w"))
    bomb = base64.b64encode(pickle.dumps(Bomb())).decode()
    bytecode = {"class_name": "__lambda__", "config": {"code": code, "defaults": None, "closure": None}}

    everywhere("A1 bytecode", record("Lambda", {"name": "l", "function": bytecode, "arguments": {}}))
    everywhere("A1 in an activation", record("Dense", {"name": "l", "units": 1, "activation": bytecode}))
    everywhere("A4 function of a module", record(
        "Lambda", {"name": "l", "function": function("f", "canary_mod")}))
    everywhere("A4 class of a module", record("Evil", {}, "canary_mod", "Evil"))
    everywhere("A5 get_file", record("Lambda", {"name": "l", "function": function(
        "get_file", "keras.utils"), "arguments": {"origin": "file://canary.txt"}}))
    everywhere("A5 private module", record("Popen", {"args": "true"}, "keras.src.utils.subprocess"))
    everywhere("A6 a setter", record("Lambda", {"name": "l", "function": function(
        "enable_unsafe_deserialization", "keras.config")}))
    everywhere("A8 pickled module", record("TorchModuleWrapper", {"name": "l", "module": bomb}))
    everywhere("A9 a folder elsewhere", record("TFSMLayer", {"name": "l", "filepath": str(folder)}))
    everywhere("A12 two names", record("Dense", {"units": 1}, registered="subprocess.Popen"))
    for wrong in ([1, 2, 3], 7, "x"):
        everywhere(f"A13 config {wrong}", record("Dense", wrong))
    everywhere("A13 class_name", {"module": "keras.layers", "class_name": None, "config": {}})
    for key in ("_anything", "__class__", "__dict__", "evil"):
        everywhere(f"A14 {key}", record("Dense", {"units": 1, key: "x"}))
    everywhere("kind: a loss is no layer", record("MeanSquaredError", {}, "keras.losses"), False)
    for name in ("canary.txt", "file://canary.txt", "http://127.0.0.1:9/v", "//host/share"):
        for kind in ("StringLookup", "IntegerLookup", "TextVectorization"):
            everywhere(f"B1 {kind} {name}", record(kind, {"name": "l", "vocabulary": name}))
    everywhere("D8 a giant", record("Dense", {"name": "l", "units": 2**50}), False)

    # A7: no public function of ours can be reached as a function of a config but those of a role
    import inspect as look
    ours = {n for area in ("config", "utils", "saving", "backend", "random") if hasattr(hornbeam, area)
            for n, f in vars(getattr(hornbeam, area)).items() if look.isfunction(f)}
    ours |= {"eval", "exec", "open", "system", "os.system", "__import__", "getattr"}
    for name in sorted(ours):
        refused(f"A7 {name}", lambda: saving.deserialize_keras_object(function(name)))

    # HDF5: links, other files, bombs, odd numbers
    def h5(name, change):
        path = "bad.weights.h5"
        with open("good.weights.h5", "rb") as f: data = f.read()
        with open(path, "wb") as f: f.write(data)
        with h5py.File(path, "r+") as root: change(root)
        model = tiny()
        before = [w.copy() for w in model.get_weights()]
        for kwargs in ({}, {"skip_mismatch": True}, {"by_name": True}):
            refused(f"{name} {kwargs}", lambda: model.load_weights(path, **kwargs))
        refused(f"{name} editor", lambda: saving.KerasFileEditor(path))
        refused(f"{name} inspect", exits(["inspect", path]))
        with zipfile.ZipFile("good.keras") as old, zipfile.ZipFile("bad.keras", "w") as new:
            for n in old.namelist():
                new.writestr(n, open(path, "rb").read() if n.endswith(".h5") else old.read(n))
        refused(f"{name} .keras", lambda: load_model("bad.keras"))
        for a, b in zip(before, model.get_weights()):
            if not np.array_equal(a, b): print("FAIL", name, "the model changed")
    K = "layers/dense/vars/0"
    def replace(path, make):
        def change(root):
            del root[path]; make(root)
        return change
    with h5py.File("canary.h5", "w") as f: f[K] = np.full((4, 2), 1234.5, "f4"); f["d"] = f[K]
    def virtual(root):
        layout = h5py.VirtualLayout((4, 2), "f4")
        layout[...] = h5py.VirtualSource("canary.h5", "d", (4, 2))
        root.create_virtual_dataset(K, layout)
    h5("B2 external", replace(K, lambda r: r.create_dataset(
        K, (4, 2), "f4", external=[("canary.bin", 0, 32)])))
    h5("B3 virtual", replace(K, virtual))
    for path in (K, "layers/dense/vars", "layers/dense", "layers"):
        h5(f"B4 external link {path}", replace(
            path, lambda r: r.__setitem__(path, h5py.ExternalLink("canary.h5", "/" + path))))
        h5(f"B4 soft link {path}", replace(path, lambda r: r.__setitem__(path, h5py.SoftLink("/vars"))))
    h5("D1 bomb", replace(K, lambda r: r.create_dataset(
        K, (2**50,), "f8", chunks=(1024,), compression="gzip")))
    h5("D10 cycle", lambda r: r["layers"].__setitem__("loop", r["layers"]))
    h5("a sum that is none", lambda r: r[K].attrs.create("sha256", np.zeros(3)))
    h5("a wrong sum", lambda r: r[K].attrs.create("sha256", "0" * 64, dtype="S64"))
    h5("objects", replace(K, lambda r: r.create_dataset(K, (1,), h5py.string_dtype())))
    h5("references", replace(K, lambda r: r.create_dataset(K, (1,), h5py.ref_dtype)))
    h5("committed type", lambda r: r.__setitem__("layers/t", np.dtype("f8")))
    h5("E9 filter", replace(K, lambda r: r.create_dataset(
        K, data=np.zeros((4, 2), "f4"), compression="lzf")))

    # zip archives
    def raw(name, change):
        with open("bad.keras", "wb") as f: f.write(change(open("good.keras", "rb").read()))
        for what, call in [("load", lambda: load_model("bad.keras")),
                           ("weights", lambda: tiny().load_weights("bad.keras")),
                           ("editor", lambda: saving.KerasFileEditor("bad.keras")),
                           ("inspect", exits(["inspect", "bad.keras"]))]:
            refused(f"{name} {what}", call)
    for name in ("../escape", "/abs", "a\\\\..\\\\x", "C:x", "evil.py", "assets/../../x"):
        archive(GOOD, **{name: b"x"}); refused(f"C9 {name!r}", lambda: load_model("bad.keras"))
    link = zipfile.ZipInfo("assets/l"); link.external_attr = 0o120777 << 16
    archive(GOOD)
    with zipfile.ZipFile("bad.keras", "a") as z: z.writestr(link, "../..")
    refused("C9 link", lambda: load_model("bad.keras"))
    warnings.simplefilter("ignore")
    archive(GOOD)
    with zipfile.ZipFile("bad.keras", "a") as z: z.writestr("config.json", "{}")
    refused("E13 two configs", lambda: load_model("bad.keras"))
    with zipfile.ZipFile("bad.keras", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("metadata.json", "{}"); z.writestr("config.json", " " * 50_000_000)
        z.writestr("model.weights.h5", b"")
    refused("D3 zip bomb", lambda: load_model("bad.keras"))
    raw("E12 bytes before", lambda d: b"MZ" + d)
    raw("E12 bytes behind", lambda d: d + b"x")
    raw("E12 names differ", lambda d: d.replace(b"config.json", b"konfig.json", 1))
    head = b"PK\\1\\2\\x2d\\0\\x2d\\0"
    raw("encrypted", lambda d: d.replace(head + b"\\0\\0", head + b"\\1\\0", 1))
    raw("empty", lambda d: b"")
    raw("no archive", lambda d: b"x" * 100)

    # .npz and safetensors
    def tensors(name, path, content):
        with open(path, "wb") as f: f.write(content)
        model = tiny()
        refused(name, lambda: model.load_weights(path)); refused(name, exits(["inspect", path]))
        refused(name, lambda: model.load_weights(path, skip_mismatch=True))
    out = io.BytesIO(); np.savez(out, x=np.array([Bomb()], object))
    tensors("E1 pickle", "b.npz", out.getvalue())
    def npy(header): return b"\\x93NUMPY\\1\\0" + struct.pack("<H", len(header)) + header.encode()
    huge = "{'descr': '<f8', 'fortran_order': False, 'shape': (1125899906842624,), }"
    for name, header in [("D4 bomb", huge),
                         ("D5 nested", "[" * 5000 + "]" * 5000), ("D5 code", "__import__('os')")]:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as z: z.writestr("x.npy", npy(header))
        tensors(name, "b.npz", out.getvalue())
    def st(header, data=b""):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data
    def entry(shape=(2,), offsets=(0, 8), dtype="F32"):
        return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}
    for name, content in {
        "too large": struct.pack("<Q", 2**40), "past the end": struct.pack("<Q", 1000) + b"{}",
        "overlap": st({"a": entry(), "b": entry(offsets=(4, 12))}, b"\\0" * 12),
        "hole": st({"a": entry(), "b": entry(offsets=(12, 20))}, b"\\0" * 20),
        "trailing": st({"a": entry()}, b"\\0" * 9), "cut": st({"a": entry()}, b"\\0" * 7),
        "overflow": st({"a": entry(shape=(2, 2**64 - 2))}, b"\\0" * 8),
        "negative": st({"a": entry(shape=(-2,), offsets=(0, -8))}),
        "size": st({"a": entry(shape=(3,))}, b"\\0" * 8),
        "twice": st(b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{}}', b"\\0" * 8),
        "not utf-8": st(b'{"\\xff": 1}'), "dtype": st({"a": entry(dtype="EVIL")}, b"\\0" * 8),
    }.items():
        tensors(f"E11 {name}", "b.safetensors", content)

    # JSON
    deep = "[" * 100_000 + "]" * 100_000
    for name, text in [("D7 depth", deep), ("E13 twice", '{"class_name": "Dense", "class_name": "x"}'),
                       ("D7 digits", "1" * 5000), ("nothing", ""), ("null", "null"), ("list", "[]")]:
        refused(name, lambda: model_from_json(text), (ValueError,))
    # B7: shards
    for shard in ("../x.weights.h5", "/etc/x.weights.h5", "fifo.weights.h5"):
        (folder / "b.weights.json").write_text(json.dumps({"weight_map": {"/a": shard}}))
        if shard.startswith("fifo") and not os.path.exists(shard): os.mkfifo(shard)
        refused(f"B7 {shard}", lambda: tiny().load_weights("b.weights.json"))
    print("cases", count)
    """
)

TRIPWIRE = PREAMBLE + textwrap.dedent(
    """
    import importlib
    def trips(call):
        tripped.clear(); armed[0] = True
        try: call()
        finally: armed[0] = False
        return bool(tripped) or MARKER.exists()
    assert trips(lambda: marshal.loads(marshal.dumps(1)))
    assert trips(lambda: pickle.loads(pickle.dumps(os.getcwd)))
    assert trips(lambda: open("canary.txt").close())
    assert trips(lambda: importlib.import_module("canary_mod"))
    assert trips(lambda: os.system("true"))
    import socket
    assert trips(lambda: socket.socket().close())
    MARKER.unlink()  # the module above made it
    assert not trips(lambda: load_model("good.keras"))
    print("works")
    """
)


def child(program, folder):
    env = {**os.environ, "PYTHONPATH": ROOT, "HOME": str(folder), "HORNBEAM_BACKEND": "numpy"}
    return subprocess.run(
        [sys.executable, "-W", "error::SyntaxWarning", "-c", program, str(folder)],
        capture_output=True, text=True, env=env, timeout=200, check=False,
    )  # fmt: skip


def test_the_tripwire_works(tmp_path):
    done = child(TRIPWIRE, tmp_path)
    assert done.stdout.strip().endswith("works"), done.stderr[-2000:]


def test_every_row_of_the_table_at_every_way_in(tmp_path):
    pytest.importorskip("yaml")
    done = child(TABLE, tmp_path)
    failures = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert failures == []
    assert "cases" in done.stdout, done.stderr[-3000:]
    assert int(done.stdout.split("cases")[1]) > 500
