"""Saving and loading: objects as configs, weights and whole models as files."""
