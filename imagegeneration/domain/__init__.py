"""Frozen types and pure rules. No module here does I/O."""
