"""What is asked of the data, by dimension: completeness, accuracy, consistency, and the definition's own rules.

A new check is a function in a file here and an entry of registry.py.
"""
