"""Settings: the engine, the default float dtype, epsilon and the layout of images.

They hold for the process.  Before anything is set, the environment variable ``HORNBEAM_BACKEND`` and then
the file ``~/.hornbeam/hornbeam.json`` (``{"backend": "numpy"}``) say which engine is current.
"""

from __future__ import annotations

from hornbeam.backends.registry import backend, set_backend, use_backend
from hornbeam.dtype_policies.policy import dtype_policy, set_dtype_policy
from hornbeam.dtypes import floatx, set_floatx
from hornbeam.settings import (
    epsilon,
    image_data_format,
    set_epsilon,
    set_image_data_format,
    standardize_data_format,
)

__all__ = [
    "backend",
    "dtype_policy",
    "epsilon",
    "floatx",
    "image_data_format",
    "set_backend",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_data_format",
    "use_backend",
]
