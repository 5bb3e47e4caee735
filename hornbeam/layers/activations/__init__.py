"""Activation functions with settings, as layers."""
