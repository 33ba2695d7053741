"""ModelDeployment in Python: spec and status as frozen data, and the names of labels and annotations.

Nothing in this room does I/O or knows the time; every other room may import it.
"""
