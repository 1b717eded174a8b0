"""Benchmarks of painters: `python -m bench.painters`."""
