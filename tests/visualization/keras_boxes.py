"""A program: the lines and texts that Keras asks OpenCV to draw, as JSON.

OpenCV itself is not needed: what stands in for it writes down what it is asked for.  Keras looks for it
when it is imported, so this runs in a process of its own.
"""

from __future__ import annotations

import json
import sys
import types
from typing import Any

import numpy as np

calls: list[Any] = []


def rectangle(image: Any, start: Any, end: Any, color: Any, thickness: int = 1, *_: Any) -> Any:
    """Note two corners, the color and the thickness."""
    calls.append(["box", [*map(int, (*start, *end))], [*map(int, color)], int(thickness)])
    return image


def put_text(
    img: Any,
    text: str,
    org: Any,
    fontFace: int,
    fontScale: float,
    color: Any,
    thickness: int,
) -> Any:
    """Note the text, where its baseline begins, its size, color and thickness."""
    calls.append(
        ["text", text, [*map(int, org)], float(fontScale), [*map(int, color)], int(thickness)]
    )
    return img


def main() -> None:
    """Draw each case of the tests."""
    stand_in: Any = types.ModuleType("cv2")
    stand_in.rectangle, stand_in.putText = rectangle, put_text
    stand_in.FONT_HERSHEY_SIMPLEX, stand_in.LINE_AA = 0, 16
    sys.modules["cv2"] = stand_in
    import keras

    from tests.visualization.test_drawing import BOX_CASES, boxes_of

    found = {}
    for name, case in BOX_CASES.items():
        calls.clear()
        images = np.zeros((2, 20, 30, 3), "uint8")
        keras.visualization.draw_bounding_boxes(images, **boxes_of(case))
        found[name] = list(calls)
    print(json.dumps(found))  # noqa: T201


if __name__ == "__main__":
    main()
