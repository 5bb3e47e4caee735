"""Convolutions: plain, depthwise, separable and transposed, over 1, 2 and 3 axes."""
