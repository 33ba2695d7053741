"""Benchmarks: what the project promises, measured."""
