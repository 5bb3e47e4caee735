"""Callbacks: what is called while a model trains, is evaluated or predicts."""

from hornbeam.callbacks.callback import Callback
from hornbeam.callbacks.callback_list import CallbackList
from hornbeam.callbacks.history import History

__all__ = ["Callback", "CallbackList", "History"]
