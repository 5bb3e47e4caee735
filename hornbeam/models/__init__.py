"""Models: `Sequential`, functional and subclassed, and what is done with whole models."""

from hornbeam.models.cloning import clone_model
from hornbeam.models.functional import Functional
from hornbeam.models.graph import Function
from hornbeam.models.model import Model
from hornbeam.models.sequential import Sequential
from hornbeam.saving.files import load_model, save_model
from hornbeam.saving.json_format import model_from_json

__all__ = [
    "Function",
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]
