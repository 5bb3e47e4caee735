"""What users of an engine's own tools get: its modules, loaders, programs.  No op needs these."""
