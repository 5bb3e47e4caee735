"""Objects as configs: the registry of classes, serialization, and automatic configs.

The format is Keras 3's: ``{"module", "class_name", "config", "registered_name"}``, so that either
reads what the other writes.  A config is data.  It can only choose among registered classes: the
built-in ones, those registered with `register_keras_serializable`, and those the caller passes in.
Nothing is imported, looked up by path or executed because a file says so.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from hornbeam import dtypes
from hornbeam.compat.renames import accept_old_words
from hornbeam.errors import CorruptFileError, UnknownObjectError, UnsafeFileError, suggest

T = TypeVar("T")

PACKAGES = {
    "layers": "hornbeam.layers",
    "models": "hornbeam.models",
    "losses": "hornbeam.losses",
    "metrics": "hornbeam.metrics",
    "optimizers": "hornbeam.optimizers",
    "initializers": "hornbeam.initializers",
    "regularizers": "hornbeam.regularizers",
    "constraints": "hornbeam.constraints",
    "activations": "hornbeam.activations",
    "dtype_policies": "hornbeam.dtype_policies",
    "random": "hornbeam.random",
    "utils": "hornbeam.utils",
    "applications": "hornbeam.applications.parts",
    "distillation": "hornbeam.distillation",
}
"""Which package to import before a built-in class of an area can be known; a closed list."""

OTHER_NAMES = {("initializers", "OrthogonalInitializer"): "Orthogonal"}
"""(area, class name in files) -> the class's name here."""

RECENT = {
    "input_axes": None,
    "output_axes": None,
    "optional": False,
    "quantization_config": None,
    "ragged": False,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
    "sliding_window": None,
    "use_gate": False,
}
"""Arguments that came to Keras 3 after its first versions -> the value that is as good as none."""

_builtin: dict[tuple[str, str], Any] = {}  # (area, class name) -> class
_custom: dict[str, Any] = {}  # "package>Name" -> class or function
_custom_names: dict[Any, str] = {}
_scoped: ContextVar[dict[str, Any]] = ContextVar("hornbeam_custom_objects", default={})  # noqa: B039


def builtin(module: str) -> Callable[[T], T]:
    """Register a class of Hornbeam's own under the module that Keras's files call it by.

    Args:
        module: "keras.layers", "keras.losses", ..., or "keras" for models and dtype policies.
    """

    def register(kind: T) -> T:
        kind._keras_module = module  # type: ignore[attr-defined]
        _builtin[_area(module), kind.__name__] = kind  # type: ignore[attr-defined]
        return accept_old_words(kind)

    return register


@functools.lru_cache(256)
def _area(module: str) -> str:
    parts = [part for part in module.split(".") if part != "src"]
    known = [part for part in parts[1:] if part in PACKAGES]  # `keras.backend.x.optimizers` is one
    return known[0] if known else "models" if len(parts) == 1 else parts[1]


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[T], T]:
    """A decorator that lets saved models refer to a class or function of yours.

    Args:
        package: a prefix against clashes of names.
        name: the name to register under; by default its own.

    Example:

    >>> import hornbeam
    >>> @hornbeam.saving.register_keras_serializable("readme")
    ... def cube(x):
    ...     return x**3
    >>> hornbeam.saving.get_registered_name(cube)
    'readme>cube'
    """

    def decorator(arg: Any) -> Any:
        registered = f"{package}>{name or arg.__name__}"
        if inspect.isclass(arg) and not hasattr(arg, "get_config"):
            raise ValueError(
                f"{arg.__name__} cannot be registered: it has no get_config(). Derive it from a "
                "Hornbeam class (Layer, Loss, ...) or give it get_config() and from_config()."
            )
        _custom[registered] = arg
        _custom_names[arg] = registered
        return arg

    return decorator


register_serializable = register_keras_serializable


def get_registered_name(obj: Any) -> str:
    """The name `obj` is registered under, or its own.

    Example:

    >>> import hornbeam
    >>> @hornbeam.saving.register_keras_serializable(package="docs")
    ... def named(x):
    ...     return x
    >>> hornbeam.saving.get_registered_name(named)
    'docs>named'
    """
    return _custom_names.get(obj, getattr(obj, "__name__", str(obj)))


def get_registered_object(
    name: str,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """The class or function registered under `name`, or None.

    Args:
        name: "package>Name", or the plain name of an object in `custom_objects`.
        custom_objects: looked at first.
        module_objects: looked at last.

    Example:

    >>> import hornbeam
    >>> @hornbeam.saving.register_keras_serializable(package="docs")
    ... def thrice(x):
    ...     return 3 * x
    >>> hornbeam.saving.get_registered_object("docs>thrice") is thrice
    True
    """
    for table in (custom_objects, _scoped.get(), _custom, module_objects):
        if table and name in table:
            return table[name]
    return None


def get_custom_objects() -> dict[str, Any]:
    """The registry of custom objects; changes to it take effect.

    Example:

    >>> import hornbeam
    >>> hornbeam.saving.get_custom_objects()["docs>half"] = lambda x: x / 2
    >>> hornbeam.activations.get("docs>half")(8)
    4.0
    >>> del hornbeam.saving.get_custom_objects()["docs>half"]
    """
    return _custom


class CustomObjectScope:
    """A context in which names in configs may also mean the given objects.

    Args:
        custom_objects: name -> class or function.

    Example:

    >>> import hornbeam
    >>> with hornbeam.saving.custom_object_scope({"twice": lambda x: 2 * x}):
    ...     f = hornbeam.activations.get("twice")
    >>> f(4)
    8
    """

    def __init__(self, custom_objects: Mapping[str, Any]) -> None:
        self.custom_objects = dict(custom_objects or {})

    def __enter__(self) -> CustomObjectScope:
        self._token = _scoped.set({**_scoped.get(), **self.custom_objects})
        return self

    def __exit__(self, *exc: object) -> None:
        _scoped.reset(self._token)


custom_object_scope = CustomObjectScope


# ------------------------------------------------------------------------------------ serialization


class NotSerializableError(TypeError):
    """Something that a config cannot hold."""


_problems: ContextVar[list[str] | None] = ContextVar("hornbeam_problems", default=None)


def _cannot(problem: str) -> None:
    """Raise, or, while all problems of a model are collected, note it."""
    found = _problems.get()
    if found is None:
        raise NotSerializableError(problem)
    if problem not in found:
        found.append(problem)


@contextmanager
def _collecting() -> Iterator[list[str]]:
    found: list[str] = []
    token = _problems.set(found)
    try:
        yield found
    finally:
        _problems.reset(token)


def serialize_for_file(obj: Any) -> Any:
    """`serialize_keras_object`, which names everything at once that cannot be saved.

    Raises:
        NotSerializableError: (a TypeError) with one line for each object.
    """
    with _collecting() as problems:
        config = serialize_keras_object(obj)
    if len(problems) == 1:
        raise NotSerializableError(problems[0])
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise NotSerializableError(f"{len(problems)} objects cannot be saved:{listed}")
    return config


_PLAIN = frozenset({type(None), str, bool, int, float})


def serialize_keras_object(obj: Any) -> Any:
    """`obj` as plain data for JSON.

    Args:
        obj: a layer, model, loss, metric, optimizer, initializer, ...; a registered function; a
            number, string, array, or a nest of all of these.

    Raises:
        NotSerializableError: (a TypeError) naming what cannot be saved, and how to make it.

    Example:

    >>> import hornbeam
    >>> hornbeam.saving.serialize_keras_object(hornbeam.initializers.Zeros())["class_name"]
    'Zeros'
    """
    if type(obj) in _PLAIN or isinstance(obj, (str, int, float)):
        return obj
    if isinstance(obj, Configurable):
        return _serialize_instance(obj)
    if type(obj) is dict or (isinstance(obj, Mapping) and not hasattr(obj, "get_config")):
        return {
            key: value if type(value) in _PLAIN else serialize_keras_object(value)
            for key, value in obj.items()
        }
    if isinstance(obj, (list, tuple)):
        items = [item if type(item) in _PLAIN else serialize_keras_object(item) for item in obj]
        return tuple(items) if isinstance(obj, tuple) else items
    if hasattr(obj, "get_config") and not inspect.isclass(obj):
        return _serialize_instance(obj)
    special = _serialize_value(obj)
    if special is not None:
        return special[0]
    if inspect.isfunction(obj) or inspect.isbuiltin(obj):
        return _serialize_function(obj)
    _cannot(
        f"{obj!r} of type {type(obj).__name__} cannot be saved in a config: it has no get_config()."
    )
    return None


def _serialize_value(obj: Any) -> tuple[Any] | None:
    if isinstance(obj, np.generic):
        return (obj.item(),)
    if isinstance(obj, slice):
        parts = {"start": obj.start, "stop": obj.stop, "step": obj.step}
        parts = {key: serialize_keras_object(value) for key, value in parts.items()}
        return ({"class_name": "__slice__", "config": parts},)
    if obj is Ellipsis:
        return ({"class_name": "__ellipsis__", "config": {}},)
    if isinstance(obj, bytes):
        return ({"class_name": "__bytes__", "config": {"value": obj.decode("latin-1")}},)
    if isinstance(obj, np.dtype) or (inspect.isclass(obj) and issubclass(obj, np.generic)):
        return (dtypes.standardize(obj),)
    if isinstance(obj, np.ndarray):
        config = {"value": obj.tolist(), "dtype": dtypes.standardize(obj.dtype)}
        return ({"class_name": "__numpy__", "config": config},)
    from hornbeam.ops.record import owner_of

    owner = None if hasattr(obj, "get_config") else owner_of(obj)
    if owner is not None and not owner.symbolic:
        if hasattr(obj, "__hornbeam_array__"):
            obj = obj.__hornbeam_array__()
        config = {"value": owner.to_numpy(obj).tolist(), "dtype": owner.dtype(obj)}
        return ({"class_name": "__tensor__", "config": config},)
    return None


def _serialize_function(fn: Any) -> dict[str, Any]:
    name = _custom_names.get(fn)
    if name is None and fn not in _scoped.get().values() and not _is_builtin_function(fn):
        _cannot(
            f"The function {fn.__qualname__!r} cannot be saved, because a file must not hold code. "
            "Put `@hornbeam.saving.register_keras_serializable('my_package')` above a named function."
        )
    shown = name or fn.__name__
    return {
        "module": "builtins",
        "class_name": "function",
        "config": shown,
        "registered_name": "function",
    }


def _is_builtin_function(fn: Any) -> bool:
    return bool(
        str(getattr(fn, "__module__", "")).startswith("hornbeam.") and "<" not in fn.__name__
    )


def _serialize_instance(obj: Any) -> dict[str, Any]:
    kind = type(obj)
    head = _heads.get(kind)
    if head is None:
        module = kind.__dict__.get("_keras_module")
        head = _head(kind, module)
        if module is None:
            _check_own_config(obj)
        else:
            _heads[kind] = head
    config = obj.get_config()
    if not head.plain:
        config = serialize_keras_object(config)
    if head.module is not None and not RECENT.keys().isdisjoint(config):
        # without what older Kerases do not know and that says nothing
        config = {k: v for k, v in config.items() if k not in RECENT or v != RECENT[k]}
    record = {
        "module": head.module,
        "class_name": kind.__name__,
        "config": config,
        "registered_name": head.registered_name,
    }
    for method, key in head.further:
        config = getattr(obj, method)()
        if config is not None:
            record[key] = serialize_keras_object(config)
    return record


class _Head(NamedTuple):
    """What records of all objects of a class have in common."""

    module: str | None
    registered_name: str | None
    plain: bool
    """Whether what ``get_config`` returns need not be looked through again."""
    further: tuple[tuple[str, str], ...]
    """The methods that have more to say, and the keys of what they say."""


def _head(kind: Any, module: str | None) -> _Head:
    keys = [key for key in ("build_config", "compile_config") if hasattr(kind, f"get_{key}")]
    further = tuple((f"get_{key}", key) for key in keys)
    plain = hasattr(kind.get_config, "is_plain")
    return _Head(module, _registered_name(kind, module), plain, further)


_heads: dict[type, _Head] = {}
"""Of built-in classes; what a user's class is registered as may change."""


def makes_plain(get_config: T) -> T:
    """Say of a `get_config` that what it returns is plain data and need not be looked through again."""
    get_config.is_plain = True  # type: ignore[attr-defined]
    return get_config


def _check_own_config(obj: Any) -> None:
    """A class whose `get_config` says what its constructor does not take could not be loaded again."""
    kind = type(obj)
    maker = getattr(kind.from_config, "__func__", None) if hasattr(kind, "from_config") else None
    if maker is None or not maker.__module__.startswith("hornbeam."):
        return  # it says itself how it is made again
    parameters = constructor_parameters(kind)
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return
    unknown = sorted(set(obj.get_config()) - set(parameters) - {"name", "trainable", "dtype"})
    if unknown:
        _cannot(
            f"{kind.__name__} ({getattr(obj, 'name', 'unnamed')!r}) could not be loaded again: its "
            f"get_config() has {unknown}, which its constructor does not take. Take them there, or "
            "write from_config()."
        )


def _registered_name(kind: Any, module: str | None) -> str | None:
    """The third name in a record: Keras has it for its private modules, and for registered classes."""
    if module is None:
        return get_registered_name(kind)
    return kind.__name__ if ".src." in module else None


# ---------------------------------------------------------------------------------- deserialization


def deserialize_keras_object(
    config: Any,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    **kwargs: Any,
) -> Any:
    """The object that `serialize_keras_object` made `config` of.

    Args:
        config: plain data.
        custom_objects: name -> class or function, for names that are not registered.
        safe_mode: must be True: code in a config is never run.

    Raises:
        UnknownObjectError: for a class that is neither built in nor registered.

    Example:

    >>> import hornbeam
    >>> saved = hornbeam.saving.serialize_keras_object(hornbeam.initializers.Ones())
    >>> type(hornbeam.saving.deserialize_keras_object(saved)).__name__
    'Ones'
    """
    if not safe_mode:
        raise ValueError(
            "safe_mode=False is not offered: a file cannot bring code. Pass the functions and classes "
            "that it names as `custom_objects={...}`, or register them."
        )
    if type(config) in _PLAIN:
        return config
    if custom_objects:
        with CustomObjectScope(custom_objects):
            return deserialize_keras_object(config)
    if isinstance(config, (list, tuple)):
        items = [deserialize_keras_object(item) for item in config]
        return tuple(items) if isinstance(config, tuple) else items
    if not isinstance(config, Mapping):
        return config
    if "class_name" not in config or "config" not in config:
        return deserialized_values(config)
    class_name, inner = config["class_name"], config["config"]
    if not isinstance(class_name, str):
        raise CorruptFileError(f"A class name in a config must be a string, got {class_name!r}.")
    if class_name.startswith("__"):
        return _deserialize_value(class_name, inner)
    if class_name == "function":
        return _find_function(inner)
    if class_name == "type":
        return dtypes.standardize(inner)
    return _rebuild(_find_class(config), config)


def deserialized_values(config: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a config, most of which are plain, as `deserialize_keras_object` makes them."""
    return {
        key: value if type(value) in _PLAIN else deserialize_keras_object(value)
        for key, value in config.items()
    }


def _deserialize_value(class_name: str, config: Any) -> Any:
    if class_name == "__slice__":
        parts = (deserialize_keras_object(config.get(k)) for k in ("start", "stop", "step"))
        return slice(*parts)
    if class_name == "__ellipsis__":
        return Ellipsis
    if class_name == "__bytes__":
        return config["value"].encode("latin-1")
    if class_name in ("__numpy__", "__tensor__"):
        from hornbeam.backends import registry
        from hornbeam.backends.numpy import native_dtype

        array = np.array(config["value"], native_dtype(dtypes.standardize(config["dtype"])))
        return array if class_name == "__numpy__" else registry.current().asarray(array)
    if class_name == "__lambda__":
        raise UnknownObjectError(
            "The config holds a lambda as bytecode, which is never run. Write the function in your own "
            "code, register it with `hornbeam.saving.register_keras_serializable`, and save again."
        )
    raise UnknownObjectError(f"Unknown kind of value {class_name!r} in a config.")


def _find_function(name: Any) -> Any:
    if isinstance(name, Mapping):
        name = name.get("config", name.get("name"))
    found = get_registered_object(str(name))
    if found is None:
        for area in ("activations", "losses", "metrics"):
            table = getattr(importlib.import_module(PACKAGES[area]), "ALL_FUNCTIONS", {})
            if name in table:
                return table[name]
        raise UnknownObjectError(
            f"The config names the function {name!r}, which is not registered. Pass it as "
            f"`custom_objects={{{name!r}: ...}}`, or register it before loading."
        )
    return found


def _find_class(config: Mapping[str, Any]) -> Any:
    class_name, registered = config["class_name"], config.get("registered_name")
    for name in (registered, class_name):
        found = get_registered_object(name) if isinstance(name, str) else None
        if found is not None:
            return found
    module = config.get("module")
    if isinstance(registered, str) and registered.split(">")[-1] != class_name.split(">")[-1]:
        raise UnknownObjectError(
            f"The config names the class {class_name!r} and says that it is registered as "
            f"{registered!r}, which nothing is. One of the two names is wrong, or was tampered with."
        )
    if isinstance(module, str) and module.split(".")[0] in ("keras", "hornbeam"):
        found = builtin_class(_area(module), class_name)
        if found is not None:
            return found
    known = [name for _, name in _builtin] + [name.split(">")[-1] for name in _custom]
    raise UnknownObjectError(
        f"The config names the class {registered or class_name!r} (module {module!r}), which is neither "
        f"built in nor registered.{suggest(class_name, known)} If it is yours, pass "
        f"`custom_objects={{{class_name!r}: {class_name}}}`, or put "
        "`@hornbeam.saving.register_keras_serializable()` above it."
    )


def builtin_class(area: str, class_name: str) -> Any:
    """The built-in class of that name in an area ("layers", "losses", ...), or None."""
    class_name = OTHER_NAMES.get((area, class_name), class_name)
    order = ("dtype_policies", "models", "layers") if area == "models" else (area,)
    for package in order:
        if (area, class_name) in _builtin:
            break
        if package in PACKAGES:
            module = importlib.import_module(PACKAGES[package])
            if class_name in getattr(module, "__all__", ()):
                getattr(module, class_name)  # modules that load on first use register it now
    return _builtin.get((area, class_name))


def _rebuild(kind: Any, config: Mapping[str, Any]) -> Any:
    inner = config["config"]
    if inner is None:
        return kind()
    if not isinstance(inner, Mapping):
        raise CorruptFileError(
            f"The config of a {config['class_name']} must be an object, got {inner!r:.80}."
        )
    if isinstance(inner.get("vocabulary"), str):
        raise UnsafeFileError(
            f"The config of a {config['class_name']} names the file {inner['vocabulary']!r:.80} for its "
            "vocabulary; a config may only hold the words themselves."
        )
    obj = kind.from_config(dict(inner))
    build_config = config.get("build_config")
    if build_config and hasattr(obj, "build_from_config") and not getattr(obj, "built", True):
        obj.build_from_config(deserialize_keras_object(build_config))
    compile_config = config.get("compile_config")
    if compile_config and hasattr(obj, "compile_from_config"):
        obj.compile_from_config(compile_config)
    return obj


# -------------------------------------------------------------------------------- automatic configs


class Configurable:
    """A base that remembers its constructor's arguments and makes a config of them.

    Classes derived from it need neither `get_config` nor `from_config`, as long as their arguments
    are things that a config can hold.
    """

    _arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        instance = super().__new__(cls)
        object.__setattr__(instance, "_arguments", (args, kwargs))
        return instance

    @makes_plain
    def get_config(self) -> dict[str, Any]:
        """The arguments that make an equal object with ``from_config``."""
        return automatic_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """An object from the result of `get_config`."""
        return cls(**deserialized_values(config))


_ABSENT = object()


def automatic_config(obj: Any, leave_out: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The constructor's arguments of `obj`, serialized.

    Of Hornbeam's own classes the attributes of the same names are taken, which hold what the
    constructor made of its arguments; of other classes the arguments as they were given.
    """
    kind = type(obj)
    own = "_keras_module" in kind.__dict__
    if kind.__init__ is object.__init__:
        return {}
    args, kwargs = obj._arguments
    parameters, defaults, rest, takes_others = constructor_of(kind)
    given = {**dict(zip(parameters, args, strict=False)), **kwargs} if args else kwargs
    config: dict[str, Any] = {}
    for name, default in defaults.items():
        if name in leave_out or not (own or name in given):
            continue
        value = getattr(obj, name, _ABSENT) if own else _ABSENT
        if value is _ABSENT:
            value = given.get(name, default)
        config[name] = value if type(value) in _PLAIN else _config_value(obj, name, value)
    if rest is not None and rest in given:
        _cannot(
            f"{kind.__name__} takes *{rest}, which an automatic config cannot name. "
            "Write get_config() and from_config() for it."
        )
    if takes_others:
        others = {k: v for k, v in given.items() if k not in parameters}
        config.update({k: _config_value(obj, k, v) for k, v in others.items()})
    return config


class Constructor(NamedTuple):
    """What the constructor of a class takes, without `self`."""

    parameters: Mapping[str, inspect.Parameter]
    defaults: Mapping[str, Any]
    """Name -> default, of what is neither ``*args`` nor ``**kwargs``."""
    rest: str | None
    """The name of its ``*args``."""
    takes_others: bool
    """Whether it has ``**kwargs``."""


def constructor_of(kind: type) -> Constructor:
    """What the constructor of the class `kind` takes."""
    known = _constructors.get(kind)
    if known is None:
        signature = inspect.signature(kind.__init__)  # type: ignore[misc]
        found = list(signature.parameters.values())[1:]
        rest = next((p.name for p in found if p.kind is p.VAR_POSITIONAL), None)
        known = _constructors[kind] = Constructor(
            {p.name: p for p in found},
            {p.name: p.default for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)},
            rest,
            any(p.kind is p.VAR_KEYWORD for p in found),
        )
    return known


_constructors: WeakKeyDictionary[type, Constructor] = WeakKeyDictionary()
"""`inspect.signature` takes 100 us a call, and the properties of a parameter 1 us together."""


def constructor_parameters(kind: type) -> Mapping[str, inspect.Parameter]:
    """What the constructor of the class `kind` takes, by name, without `self`."""
    return constructor_of(kind).parameters


def _config_value(obj: Any, name: str, value: Any) -> Any:
    if type(value) in _PLAIN:
        return value
    if inspect.isfunction(value) and _is_builtin_function(value) and value not in _custom_names:
        return value.__name__  # built-in functions are known by their names alone
    problems: list[str] = []
    token = _problems.set(problems)
    try:
        config = serialize_keras_object(value)
    finally:
        _problems.reset(token)
    for problem in problems:
        _cannot(
            f"The argument `{name}` of {type(obj).__name__} "
            f"({getattr(obj, 'name', 'unnamed')!r}) cannot be saved: {problem}"
        )
    return config


@contextmanager
def ignoring_compile_config() -> Iterator[None]:
    """A context in which loaded models are not compiled."""
    token = _compiling.set(False)
    try:
        yield
    finally:
        _compiling.reset(token)


_compiling: ContextVar[bool] = ContextVar("hornbeam_compile_on_load", default=True)


def compiles_on_load() -> bool:
    """Whether a model that is being loaded should be compiled as it was."""
    return _compiling.get()
