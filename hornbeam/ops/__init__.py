"""Tensor functions, the same on every engine: the ops that layers, losses and metrics are made of."""

from hornbeam.ops import image, linalg, nn, numpy  # noqa: F401
from hornbeam.ops.arithmetic import *  # noqa: F403
from hornbeam.ops.attention import *  # noqa: F403
from hornbeam.ops.bits_and_parts import *  # noqa: F403
from hornbeam.ops.choice import *  # noqa: F403
from hornbeam.ops.closeness import *  # noqa: F403
from hornbeam.ops.comparison import *  # noqa: F403
from hornbeam.ops.complexes import *  # noqa: F403
from hornbeam.ops.control import *  # noqa: F403
from hornbeam.ops.convolution import *  # noqa: F403
from hornbeam.ops.core import *  # noqa: F403
from hornbeam.ops.creation import *  # noqa: F403
from hornbeam.ops.crossentropy import *  # noqa: F403
from hornbeam.ops.ctc import *  # noqa: F403
from hornbeam.ops.einops import *  # noqa: F403
from hornbeam.ops.encoding import *  # noqa: F403
from hornbeam.ops.fourier import *  # noqa: F403
from hornbeam.ops.functions import *  # noqa: F403
from hornbeam.ops.indexing import *  # noqa: F403
from hornbeam.ops.joining import *  # noqa: F403
from hornbeam.ops.mapping import *  # noqa: F403
from hornbeam.ops.matrices import *  # noqa: F403
from hornbeam.ops.missing import *  # noqa: F403
from hornbeam.ops.nonlinearities import *  # noqa: F403
from hornbeam.ops.normalization import *  # noqa: F403
from hornbeam.ops.ordering import *  # noqa: F403
from hornbeam.ops.patches import *  # noqa: F403
from hornbeam.ops.pooling import *  # noqa: F403
from hornbeam.ops.products import *  # noqa: F403
from hornbeam.ops.reductions import *  # noqa: F403
from hornbeam.ops.segments import *  # noqa: F403
from hornbeam.ops.sets import *  # noqa: F403
from hornbeam.ops.shaping import *  # noqa: F403
from hornbeam.ops.statistics import *  # noqa: F403
