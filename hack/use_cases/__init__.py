"""Runs the examples of pipelines/examples, and writes their figures and pictures into docs/use-cases."""
