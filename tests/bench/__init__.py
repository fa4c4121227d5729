"""Benchmarks: `make bench` prints tables of ratios against peers in the same run."""
