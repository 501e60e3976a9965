"""The audit record: who decided what, in a chain of hashes."""
