"""What the figures in the documentation come from: `python -m benchmarks`, or with the names of some."""
