"""Training: one trainer for all engines, the data that goes in, and the progress that comes out."""
