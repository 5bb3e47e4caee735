"""Tensor functions, the same on every engine: the ops that layers, losses and metrics are made of."""

from hornbeam.ops.arithmetic import *  # noqa: F403
from hornbeam.ops.bits_and_parts import *  # noqa: F403
from hornbeam.ops.choice import *  # noqa: F403
from hornbeam.ops.comparison import *  # noqa: F403
from hornbeam.ops.control import *  # noqa: F403
from hornbeam.ops.convolution import *  # noqa: F403
from hornbeam.ops.core import *  # noqa: F403
from hornbeam.ops.creation import *  # noqa: F403
from hornbeam.ops.crossentropy import *  # noqa: F403
from hornbeam.ops.encoding import *  # noqa: F403
from hornbeam.ops.functions import *  # noqa: F403
from hornbeam.ops.indexing import *  # noqa: F403
from hornbeam.ops.joining import *  # noqa: F403
from hornbeam.ops.matrices import *  # noqa: F403
from hornbeam.ops.nonlinearities import *  # noqa: F403
from hornbeam.ops.normalization import *  # noqa: F403
from hornbeam.ops.ordering import *  # noqa: F403
from hornbeam.ops.pooling import *  # noqa: F403
from hornbeam.ops.products import *  # noqa: F403
from hornbeam.ops.reductions import *  # noqa: F403
from hornbeam.ops.shaping import *  # noqa: F403
