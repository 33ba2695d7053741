"""Personal data: found by value and by name, made unreadable as the definition says, and left out on request.

A new kind is an entry of kinds.py. Values of cells are in no finding, sentence or record.
"""
