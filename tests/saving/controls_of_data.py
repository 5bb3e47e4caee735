"""Fixtures and controls of `test_safe_loading_controls`: archives, other tensors, text and folders."""

import textwrap

ARCHIVES = textwrap.dedent(
    """
    from tests.utils.test_get_file import special, tar_of, zip_of
    def tar(*members): return tar_of(fresh(".tar.gz"), *members)
    def place(): return pathlib.Path(fresh()) / "a" / "b"
    def got(path):
        return utils.get_file(os.path.basename(path), pathlib.Path(path).as_uri(), extract=True,
                              cache_dir=place())
    TARS = [lambda p: archives.extract(p, place(), archives.kind_of(p)), got]
    def weak_untar(path):
        target = place(); target.mkdir(parents=True)
        with tarfile.open(path) as archive:
            for member in archive:
                with contextlib.suppress(OSError, KeyError): archive.extract(
                    member, target, **({"filter": "fully_trusted"} if hasattr(tarfile, "data_filter")
                                       else {}))
        return target
    def escaped(path):
        target = weak_untar(path)
        return [p for p in target.parents[1].rglob("escape") if target not in p.parents]
    def names(path): return [m.name for m in tarfile.open(path)]
    def holds(kind): return lambda path: any(m.type == kind for m in tarfile.open(path))
    plain = tar(("a.txt", b"1"), ("d/b.txt", b"2"))
    up = tar(("ok.txt", b"1"), ("../escape", b"2"))
    row("C1", TARS, plain, up, lambda p: "../escape" in names(p), escaped)
    absolute = str(made / "abs" / "escape"); (made / "abs").mkdir()
    row("C1", TARS, plain, tar((absolute, b"2")), lambda p: names(p)[0].startswith("/"),
        lambda p: weak_untar(p) and os.path.exists(absolute))
    row("C2", TARS, plain, tar(special(tarfile.SYMTYPE, "s", ".."), special(tarfile.SYMTYPE, "t", "s/."),
        ("t/escape", b"2")), holds(tarfile.SYMTYPE), escaped)
    def checks_against_cwd(path):
        here = os.getcwd(); os.chdir("/")
        try:
            fine = all(os.path.realpath(n).startswith(os.getcwd()) for n in names(path))
            return fine and escaped(path)
        finally: os.chdir(here)
    def from_top(path):
        here = os.getcwd(); os.chdir("/")
        try: return TARS[0](path)
        finally: os.chdir(here)
    row("C3", from_top, plain, up, lambda p: "../escape" in names(p), checks_against_cwd)
    row("C4", TARS, plain, tar(special(tarfile.SYMTYPE, "s", ".."), ("s/escape", b"2")),
        holds(tarfile.SYMTYPE), escaped)
    row("C5", TARS, plain, tar(("ok.txt", b"1"), special(tarfile.LNKTYPE, "../escape", "ok.txt")),
        holds(tarfile.LNKTYPE), escaped)
    row("C6", TARS, plain, tar(special(tarfile.SYMTYPE, "link", "."), ("link/../escape", b"2")),
        lambda p: os.path.normpath(names(p)[1]) == "escape", escaped)
    row("C7", TARS, plain, tar(special(tarfile.SYMTYPE, "a/s", "../.."),
        special(tarfile.LNKTYPE, "h", "a/s")), holds(tarfile.LNKTYPE),
        lambda p: (t := weak_untar(p)) and t not in (t / "h").resolve().parents)
    def negative():
        head = bytearray(tarfile.TarInfo("b").tobuf(tarfile.GNU_FORMAT))
        head[124:136] = b"\\xff" * 10 + b"\\xfc\\x00"  # -1024
        head[148:156] = b" " * 8; head[148:156] = b"%06o\\0 " % sum(head)
        path = fresh(".tar")
        first, second = (tarfile.TarInfo(n).tobuf(tarfile.GNU_FORMAT) for n in "ac")
        open(path, "wb").write(first + second + bytes(head) + bytes(1024))
        return path
    def goes_round(path):  # in older Pythons; later ones raise
        try: return len(list(itertools.islice(tarfile.open(path), 1000))) == 1000
        except tarfile.TarError: return True
    row("C8", TARS, plain, negative(),
        lambda p: open(p, "rb").read()[1148:1158] == b"\\xff" * 10, goes_round)
    def joined(path):
        with zipfile.ZipFile(path) as z: return not os.path.normpath(
            os.path.join(made, "x", z.namelist()[-1])).startswith(str(made / "x") + "/")
    def zipped(*members, names=None):
        path = fresh(".keras")
        with zipfile.ZipFile("good.keras") as old, zipfile.ZipFile(path, "w") as new:
            for n in old.namelist(): new.writestr(n, old.read(n))
            for name, content in members: new.writestr(name, content)
        return path
    KERAS = [load_model, saving.KerasFileEditor, lambda p: quietly(["inspect", p]),
             lambda p: tiny().load_weights(p),
             lambda p: pickling.restored(open(p, "rb").read(), {}, "numpy")]
    def listed(name): return lambda p: zipfile.ZipFile(p).namelist()[-1] == name
    for name in ("../escape", "/abs", "assets/../../escape"):
        row("C9", KERAS, "good.keras", zipped((name, b"x")), listed(name), joined)
        row("C9", TARS, zip_of(fresh(".zip"), ("ok", b"1")), zip_of(fresh(".zip"), (name, b"1")),
            listed(name), joined)
    link = zipfile.ZipInfo("assets/l"); link.external_attr = (stat.S_IFLNK | 0o777) << 16
    row("C9", KERAS, "good.keras", zipped((link, "../..")), lambda p: stat.S_ISLNK(
        zipfile.ZipFile(p).infolist()[-1].external_attr >> 16), lambda p: zipfile.ZipFile(p).read(
        "assets/l") == b"../..")  # the place that a link would lead to
    # get_file
    content = folder / "canary.bin"; digest = hashlib.sha256(content.read_bytes()).hexdigest()
    def kept(name, root=None, digest=None):
        return utils.get_file(name, content.as_uri(), cache_dir=root or place(), file_hash=digest)
    for name in ("../x", "..", "a/../../x"):
        row("C12", kept, "x", name, lambda n: ".." in n, lambda n: not os.path.normpath(
            os.path.join("/cache", n)).startswith("/cache/"))
    def planted(make):
        root = place(); (root / "datasets").mkdir(parents=True)
        outside = root / "outside"; outside.write_text("mine")
        if make: os.symlink(outside, root / "datasets" / "w.txt")
        return root
    def overwritten(root):
        (root / "datasets" / "w.txt").write_bytes(content.read_bytes())
        return (root / "outside").read_text("latin-1") != "mine"
    def into_cache(root):
        utils.get_file("w.txt", pathlib.Path(plain).as_uri(), cache_dir=root)
        return root
    hostile, other = planted(True), planted(True)
    row("C13", into_cache, planted(False), hostile, lambda root: (other / "datasets" /
        "w.txt").is_symlink(), lambda root: overwritten(other),
        lambda root: (root / "outside").read_text() == "mine")
    wrong = "0" * 64
    def right(digest): return utils.get_file("x", pathlib.Path(plain).as_uri(), file_hash=digest,
                                             cache_dir=made / "hashes")
    def hashes_later(digest):
        target = made / "later"; target.write_bytes(open(plain, "rb").read())
        return hashlib.sha256(target.read_bytes()).hexdigest() != digest and target.exists()
    good_digest = hashlib.sha256(open(plain, "rb").read()).hexdigest()
    row("C14", right, good_digest, wrong, lambda d: d != good_digest, hashes_later)
    row("C15", TARS, plain, tar(special(tarfile.FIFOTYPE, "pipe")), holds(tarfile.FIFOTYPE),
        lambda p: stat.S_ISFIFO(os.stat(weak_untar(p) / "pipe").st_mode))
    mode = special(tarfile.REGTYPE, "run", mode=0o6777)
    def taken(path):
        target = place(); archives.extract(path, target, "tar")
        return target
    row("C15", taken, plain, tar(mode), lambda p: tarfile.open(p).getmember("run").mode == 0o6777,
        lambda p: stat.S_IMODE(os.stat(weak_untar(p) / "run").st_mode) & 0o6000,
        lambda t: not stat.S_IMODE(os.stat(t / "run").st_mode) & 0o7133)
    zeros = tar(("zeros", bytes(30 * 2**20)))
    row("D9", TARS, plain, zeros, lambda p: os.path.getsize(p) < 2**18,
        lambda p: os.path.getsize(weak_untar(p) / "zeros") > 200 * os.path.getsize(p))
    # .keras archives
    def repeated(times):
        path = zipped(("assets/a", bytes(2**16)))
        with zipfile.ZipFile(path, "a") as z:
            z.filelist += [z.filelist[-1]] * times; z._didModify = True
        return path
    row("D6", KERAS, "good.keras", repeated(50), lambda p: len({i.header_offset for i in zipfile.ZipFile(
        p).infolist()}) < len(zipfile.ZipFile(p).infolist()), lambda p: sum(len(zipfile.ZipFile(p).read(
        i)) for i in zipfile.ZipFile(p).infolist()) > 10 * os.path.getsize(p))
    def inflating(member):
        path = fresh(".keras")
        with zipfile.ZipFile("good.keras") as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
            for n in [*old.namelist(), "assets/a"]:
                z.writestr(n, " " * 30_000_000 if n == member else old.read(n) if n in
                           old.namelist() else b"")
        return path
    for member in ("config.json", "model.weights.h5", "assets/a"):
        row("D3", KERAS, "good.keras", inflating(member), lambda p: zipfile.ZipFile(p).getinfo(
            member).compress_size < 10**5, lambda p: len(zipfile.ZipFile(p).read(member)) == 30_000_000)
    def renamed():
        path = fresh(".keras")
        content = open("good.keras", "rb").read().replace(b"config.json", b"konfig.json", 1)
        open(path, "wb").write(content)
        return path
    def listed_names(path): return zipfile.ZipFile(path).namelist()
    row("E12", KERAS, "good.keras", renamed(), lambda p: b"konfig.json" in open(p, "rb").read(),
        lambda p: "config.json" in listed_names(p))
    row("E13", KERAS, "good.keras", zipped(("config.json", b"{}")),
        lambda p: listed_names(p).count("config.json") == 2,
        lambda p: zipfile.ZipFile(p).read("config.json") == b"{}")
    """
)

DATA = textwrap.dedent(
    """
    def written(suffix, content):
        path = fresh(suffix); open(path, "wb").write(content)
        return path
    def npz(**members):
        path = fresh(".npz")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
            for name, data in members.items(): z.writestr(name + ".npy", data)
        return path
    def npy(header, size=None, version=1):
        size = struct.pack("<H" if version == 1 else "<I", len(header) if size is None else size)
        return b"\\x93NUMPY" + bytes([version, 0]) + size + header.encode()
    for suffix in (".npz", ".safetensors"): tiny().save_weights("good" + suffix)
    TENSORS = [lambda p: tiny().load_weights(p), lambda p: tiny().load_weights(p, skip_mismatch=True),
               lambda p: quietly(["inspect", p])]
    def member(path, name="x"): return zipfile.ZipFile(path).read(name + ".npy")
    huge = "{'descr': '<f8', 'fortran_order': False, 'shape': (1125899906842624,), }"
    def declared(path):
        file = io.BytesIO(member(path)); np.lib.format.read_magic(file)
        return np.prod(np.lib.format.read_array_header_1_0(file)[0], dtype=object) * 8
    row("D4", TENSORS, "good.npz", npz(x=npy(huge)), lambda p: len(member(p)) < 200,
        lambda p: declared(p) > 2**50)
    def evaluated(path):
        try: ast.literal_eval(member(path)[10:].decode())
        except (MemoryError, RecursionError): return True
        except SyntaxError as error: return "too many" in str(error)
    row("D5", TENSORS, "good.npz", npz(x=npy("[" * 5000 + "]" * 5000)),
        lambda p: member(p).count(b"[") == 5000, evaluated)
    row("D5", TENSORS, "good.npz", npz(x=npy("{}", 0xFFFFFFF0, 2)),
        lambda p: member(p)[8:12] == b"\\xf0\\xff\\xff\\xff",
        lambda p: struct.unpack("<I", member(p)[8:12])[0] > 10**9 * len(member(p)) / 10**3)
    def raw_error(path):
        data = member(path)
        try: struct.unpack("<H", data[8:10])
        except struct.error: return True
        return int(data[10:][:struct.unpack("<H", data[8:10])[0]] != data[10:]) or len(data) < 12
    for cut in (7, 9, 11): row("E10", TENSORS, "good.npz", npz(x=npy(huge)[:cut]),
                               lambda p: len(member(p)) == cut, raw_error)
    out = io.BytesIO(); np.savez(out, x=np.array([Bomb()], object))
    def is_pickle(path):
        try: np.load(path)["x"]
        except ValueError as error: return "allow_pickle" in str(error)
    pickled = written(".npz", out.getvalue())
    row("E1", TENSORS, "good.npz", pickled, is_pickle,
        leaves_marker(lambda p: np.load(p, allow_pickle=True)["x"]))
    np.savez("plain.npz", x=np.arange(3))
    row("E2", pickles.load_npz, "plain.npz", pickled, is_pickle,
        leaves_marker(lambda p: np.load(p, allow_pickle=True)["x"]))
    import pickletools
    def calls(data): return any(op.name == "REDUCE" for op, _, _ in pickletools.genops(data))
    row("E2", pickles.load, pickle.dumps({b"data": np.arange(3)}), pickle.dumps({b"data": Bomb()}),
        calls, leaves_marker(pickle.loads))
    def in_zip(content):
        path = fresh(".pt")
        with zipfile.ZipFile(path, "w") as z: z.writestr("archive/data.pkl", content)
        return path
    row("E3", [load_model, lambda p: tiny().load_weights(p)], "good.keras", in_zip(pickle.dumps(Bomb())),
        lambda p: calls(zipfile.ZipFile(p).read("archive/data.pkl")),
        leaves_marker(lambda p: pickle.loads(zipfile.ZipFile(p).read("archive/data.pkl"))))
    short = pickle.dumps(np.arange(2**8, dtype="u1"), 2).replace(
        b"K\\x01M\\x00\\x01\\x85", b"K\\x01J\\xff\\xff\\xff\\x7f\\x85")
    def wanted(data):
        return [arg for _, arg, _ in pickletools.genops(data) if arg == 2**31 - 1]
    row("E4", pickles.load, pickle.dumps(np.arange(2**8, dtype="u1"), 2), short, wanted,
        lambda data: wanted(data)[0] > 10**6 * len(data) / 10**3)
    def falls_back(path):
        try: zipfile.ZipFile(path)
        except zipfile.BadZipFile: pickle.loads(open(path, "rb").read())
    for suffix in (".keras", ".h5", ".weights.h5", ".npz", ".safetensors"):
        ways = [load_model] if suffix in (".keras", ".h5") else TENSORS
        good_file = "good.h5" if suffix == ".h5" else "good" + suffix
        if suffix == ".h5": good.save("good.h5")
        row("E5", ways, good_file, written(suffix, pickle.dumps(Bomb())),
            lambda p: calls(open(p, "rb").read()), leaves_marker(falls_back))
    def steps(index):
        folder_of = pathlib.Path(fresh()); (folder_of / "3").mkdir(parents=True)
        (folder_of / "3" / "model.keras").write_bytes(open("good.keras", "rb").read())
        (folder_of / "checkpoints.json").write_bytes(index)
        return folder_of
    row("E6", [load_model, lambda p: tiny().load_weights(p)], steps(b'{"steps": [3]}'),
        steps(pickle.dumps(Bomb())), lambda p: calls((p / "checkpoints.json").read_bytes()),
        leaves_marker(lambda p: pickle.loads((p / "checkpoints.json").read_bytes())))
    # safetensors
    def st(header, data=b"", length=None):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return written(".safetensors", struct.pack("<Q", length or len(text)) + text + data)
    def entry(offsets=(0, 8), shape=(2,), **more):
        return {"dtype": "F32", "shape": list(shape), "data_offsets": list(offsets), **more}
    def header(p):
        data = open(p, "rb").read()
        return json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])
    def sets_class(p):
        class Weak: pass
        class evil: pass
        item = Weak()
        for key, value in header(p)["a"].items():
            setattr(item, key, evil if key == "__class__" else value)
        return type(item) is evil
    S = "good.safetensors"
    row("B9", TENSORS, S, st({"a": entry(__class__="evil")}, bytes(8)),
        lambda p: "__class__" in header(p)["a"], sets_class)
    row("B9", TENSORS, S, st({"a": entry((0, -1))}, bytes(8)),
        lambda p: header(p)["a"]["data_offsets"][1] < 0, lambda p: len(open(p, "rb").read(-1)) > 8)
    row("B9", TENSORS, S, st({"a": entry((0, 2**50), (2**48,))}, bytes(8)),
        lambda p: header(p)["a"]["shape"] == [2**48],
        lambda p: header(p)["a"]["data_offsets"][1] > 10**9 * os.path.getsize(p))
    def parts(p): return [e["data_offsets"] for e in header(p).values()]
    row("E11", TENSORS, S, st({"a": entry(), "b": entry((4, 12))}, bytes(12)),
        lambda p: parts(p)[1][0] < parts(p)[0][1],
        lambda p: len({n for part in parts(p) for n in range(*part)}) < 16)
    row("E11", TENSORS, S, st({"a": entry(), "b": entry((12, 20))}, bytes(20)),
        lambda p: parts(p)[1][0] > parts(p)[0][1],
        lambda p: sum(b - a for a, b in parts(p)) < 20)  # room for another file within
    row("E11", TENSORS, S, st({"a": entry((0, 8), (2, 2**64 - 2))}, bytes(8)),
        lambda p: header(p)["a"]["shape"][1] > 2**63,
        lambda p: 4 * header(p)["a"]["shape"][0] * header(p)["a"]["shape"][1] % 2**64 != 8 * (2**64 - 2))
    row("E11", TENSORS, S, st({}, length=2**40), lambda p: os.path.getsize(p) < 100,
        lambda p: struct.unpack("<Q", open(p, "rb").read(8))[0] > 10**9)
    # JSON, YAML
    JSON = [model_from_json, lambda t: load_model(with_config(t))]
    def with_config(text):
        path = fresh(".keras")
        with zipfile.ZipFile("good.keras") as old, zipfile.ZipFile(path, "w") as new:
            for n in old.namelist(): new.writestr(n, text if n == "config.json" else old.read(n))
        return path
    row("E13", JSON, good.to_json(), '{"class_name": "Dense", "class_name": "Sequential"}',
        lambda t: t.count('"class_name"') == 2, lambda t: json.loads(t) == {"class_name": "Sequential"})
    def overflows(t):
        try: json.loads(t)
        except (RecursionError, ValueError): return True
    row("D7", JSON, good.to_json(), "[" * 100_000 + "]" * 100_000,
        lambda t: t.count("[") == 100_000, overflows)
    row("D7", JSON, good.to_json(), "1" * 5000, str.isdigit, overflows)
    fan = "\\n".join(["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"] + [
        f"a{i}: &a{i} [" + ", ".join([f"*a{i - 1}"] * 9) + "]" for i in range(1, 9)])
    def leaves(value): return sum(map(leaves, value)) if isinstance(value, list) else 1
    row("D7", saving.model_from_yaml, yaml.safe_dump(GOOD), fan, lambda t: t.count("*a") == 72,
        lambda t: leaves(yaml.safe_load(t)["a4"]) == 9**5)
    # folders of data
    texts = pathlib.Path(fresh()); (texts / "in" / "a").mkdir(parents=True)
    (texts / "in" / "a" / "1.txt").write_text("inside"); (texts / "fine" / "a").mkdir(parents=True)
    (texts / "fine" / "a" / "1.txt").write_text("inside")
    os.symlink(folder / "canary.txt", texts / "in" / "a" / "2.txt")
    def words(place, follow=False):
        data = utils.text_dataset_from_directory(
            place, label_mode=None, verbose=False, follow_links=follow)
        return [open(p).read() for p in data.file_paths]
    row("B10", words, texts / "fine", texts / "in", lambda p: (p / "a" / "2.txt").is_symlink(),
        lambda p: any("CANARY1" in t for t in words(p, True)), lambda found: found == ["inside"])
    """
)
