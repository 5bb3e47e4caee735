"""Preparation of images: sizes, colours, geometry, mixtures, and the boxes and masks that go along."""
