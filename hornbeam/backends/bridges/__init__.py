"""What users of an engine's own tools get: its modules, its programs in files.  No op needs these."""
