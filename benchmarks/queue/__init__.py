"""The queue beside its peers, in one run: `python -m benchmarks.queue`."""
