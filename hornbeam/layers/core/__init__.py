"""The basic layers: inputs, dense, embedding, activation, wrapping functions and layers."""
