"""Preparation of data: numbers, categories, text, images, sound."""
