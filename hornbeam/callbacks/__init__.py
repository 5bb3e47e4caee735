"""Callbacks: what is called while a model trains, is evaluated or predicts."""

from hornbeam.callbacks.backup import BackupAndRestore, RunCheckpoint
from hornbeam.callbacks.callback import Callback
from hornbeam.callbacks.callback_list import CallbackList
from hornbeam.callbacks.checkpoint import ModelCheckpoint
from hornbeam.callbacks.early_stopping import EarlyStopping
from hornbeam.callbacks.history import History
from hornbeam.callbacks.loggers import CSVLogger, RemoteMonitor
from hornbeam.callbacks.monitor import MonitorCallback
from hornbeam.callbacks.orbax import OrbaxCheckpoint
from hornbeam.callbacks.progbar_logger import ProgbarLogger
from hornbeam.callbacks.rates import LearningRateScheduler, ReduceLROnPlateau
from hornbeam.callbacks.small import LambdaCallback, SwapEMAWeights, TerminateOnNaN
from hornbeam.callbacks.tensorboard import TensorBoard

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "MonitorCallback",
    "OrbaxCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "RunCheckpoint",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]
