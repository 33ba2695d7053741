"""The steps of the training pipeline as plain functions.

Every module is one step or one thing that steps share. None imports KFP or KServe; a step imports
what it needs and nothing more, because each runs in a process of its own.
"""
