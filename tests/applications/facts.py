"""What Keras's architectures are like, recorded: so that no test has to build them all twice.

``python -m tests.applications.facts`` builds every row in Keras and writes ``facts.json`` anew (with
``--missing`` just the rows that it lacks);
``python -m tests.applications.facts ResNet50`` says what the rows of one architecture differ in.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("facts.json")
SMALLEST = {  # one of each family, and the side of the images it is run on
    "VGG16": 32,
    "ResNet50": 32,
    "ResNet50V2": 32,
    "DenseNet121": 32,
    "MobileNet": 32,
    "MobileNetV2": 32,
    "MobileNetV3Small": 32,
    "InceptionV3": 75,
    "InceptionResNetV2": 75,
    "Xception": 71,
    "NASNetMobile": 32,
    "EfficientNetB0": 32,
    "EfficientNetV2B0": 32,
    "ConvNeXtTiny": 32,
}
OTHERS = """
    VGG19 ResNet101 ResNet152 ResNet101V2 ResNet152V2 DenseNet169 DenseNet201 MobileNetV3Large
    NASNetLarge EfficientNetB1 EfficientNetB2 EfficientNetB3 EfficientNetB4 EfficientNetB5 EfficientNetB6
    EfficientNetB7
    EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3 EfficientNetV2S EfficientNetV2M EfficientNetV2L
    ConvNeXtSmall ConvNeXtBase ConvNeXtLarge ConvNeXtXLarge
""".split()
BARE = {"include_top": False}
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((name, BARE) for name in SMALLEST),
    *((name, {**BARE, "pooling": "avg", "input_shape": [97, 80, 1]}) for name in SMALLEST),
    *(
        (name, {**BARE, "pooling": "max", "name": "mine"})
        for name in list(SMALLEST)[: list(SMALLEST).index("InceptionResNetV2")]
    ),
]
ROWS = [(name, {}) for name in (*SMALLEST, *OTHERS)] + VARIANTS
IGNORED = """
    build_config build_input_shape compile_config seed training mask rms_scaling activity_regularizer
""".split()
"""Parts of configs that say nothing about the architecture, or that one of the two leaves out."""


def key_of(name: str, arguments: dict[str, Any]) -> str:
    return f"{name} {json.dumps(arguments, sort_keys=True)}"


def built(applications: Any, name: str, arguments: dict[str, Any]) -> Any:
    return getattr(applications, name)(weights=None, **arguments)


def canonical(value: Any) -> Any:
    """A config without what differs for no reason."""
    from hornbeam.saving.objects import RECENT

    if isinstance(value, dict):
        return {
            key: canonical(item)
            for key, item in value.items()
            if key not in IGNORED and not (key in RECENT and item == RECENT[key])
        }
    if isinstance(value, (list, tuple)):
        is_axis = len(value) == 1 and isinstance(value[0], int)
        return value[0] if is_axis else [canonical(item) for item in value]
    return value


def description(model: Any) -> dict[str, Any]:
    """The graph of a model and the shapes of its weights."""
    config = json.loads(json.dumps(model.get_config(), default=str))
    shapes = [list(weight.shape) for weight in model.weights]
    return {"name": model.name, "layers": canonical(config["layers"]), "shapes": shapes}


def digest(model: Any) -> str:
    text = json.dumps(description(model), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def facts_of(model: Any) -> dict[str, Any]:
    return {
        "parameters": model.count_params(),
        "weights": len(model.weights),
        "layers": len(model.layers),
        "digest": digest(model),
    }


def all_layers(model: Any) -> list[Any]:
    """The layers, those within layers included."""
    return [
        inner
        for layer in model.layers
        for inner in (all_layers(layer) if hasattr(layer, "layers") else [layer])
    ]


def set_weights(model: Any) -> None:
    """Give every variable values that depend on its shape and place alone; activations stay near 1."""
    index = 0
    for layer in all_layers(model):
        if type(layer).__name__ == "Normalization":
            continue
        for weight in layer.weights:
            random = np.random.Generator(np.random.Philox(key=index)).random(tuple(weight.shape))
            weight.assign(_scaled(random, weight.name, type(layer).__name__).astype("float32"))
            index += 1


def _scaled(random: np.ndarray, name: str, kind: str) -> np.ndarray:
    """Numbers in [0, 1) as a variance or scale near 1, an offset near 0, or a kernel by its fan-in."""
    if random.ndim < 2:
        near_one = name in ("moving_variance", "gamma") or kind == "LayerScale"
        return random * 0.5 + 0.75 if near_one else random * 0.2 - 0.1
    depthwise = kind == "DepthwiseConv2D" or (kind == "SeparableConv2D" and random.shape[0] > 1)
    fan_in = random.shape[0] * random.shape[1] if depthwise else random[..., 0].size
    return (random * 2 - 1) * np.sqrt(6 / fan_in)


def outputs(model: Any, side: int) -> list[float]:
    """What a model with these weights says on one image."""
    set_weights(model)
    image = np.random.Generator(np.random.Philox(key=7)).random((1, side, side, 3)) * 2 - 1
    return [float(x) for x in np.asarray(model.predict(image.astype("float32"), verbose=0))[0]]


def logits_of(applications: Any, name: str) -> Any:
    """A small model of a family, whose input is not scaled."""
    side = SMALLEST[name]
    arguments = {"input_shape": (side, side, 3), "classes": 6, "classifier_activation": None}
    if name in ("ConvNeXtTiny", "EfficientNetV2B0", "MobileNetV3Small"):
        arguments["include_preprocessing"] = False
    return built(applications, name, arguments)


def main(names: list[str]) -> None:
    import keras

    import hornbeam

    recorded: dict[str, Any] = {}
    if names == ["--missing"]:
        names, recorded = [], json.loads(FILE.read_text())
    for name, arguments in ROWS:
        key = key_of(name, arguments)
        if key in recorded or (names and name not in names):
            continue
        keras.utils.clear_session()
        theirs = built(keras.applications, name, arguments)
        if names:
            hornbeam.utils.clear_session()
            with hornbeam.use_backend("symbolic"):
                ours = description(built(hornbeam.applications, name, arguments))
            compare(key, ours, description(theirs))
            continue
        record(recorded, key, facts_of(theirs))
    for name in SMALLEST:
        if not names and f"{name} outputs" not in recorded:
            keras.utils.clear_session()
            found = outputs(logits_of(keras.applications, name), SMALLEST[name])
            record(recorded, f"{name} outputs", [round(x, 7) for x in found])


def record(recorded: dict[str, Any], key: str, value: Any) -> None:
    recorded[key] = value
    lines = (f"  {json.dumps(key)}: {json.dumps(recorded[key])}" for key in sorted(recorded))
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def compare(key: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    said = [f"{key}: {'the same' if ours == theirs else 'DIFFERS'}"]
    for mine, other in zip(ours["layers"], theirs["layers"], strict=False):
        parts = [part for part in {*mine, *other} if mine.get(part) != other.get(part)]
        said += [f"  {mine['name']}.{p}: {mine.get(p)}, Keras {other.get(p)}" for p in parts]
        if parts:
            break
    sys.stdout.write("\n".join(said) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
