"""The audit record: every decision with its actor, in a chain of hashes."""
