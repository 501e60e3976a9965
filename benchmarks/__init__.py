"""The benchmarks behind the figures in the documentation: `python -m benchmarks [NAME ...]`."""
