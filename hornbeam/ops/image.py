"""Functions of images: `ops.image.resize` and its kin."""

from hornbeam.ops.filters import *  # noqa: F403
from hornbeam.ops.resampling import *  # noqa: F403
from hornbeam.ops.warping import *  # noqa: F403
