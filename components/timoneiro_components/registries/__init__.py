"""Registries that are told of a published model. Each is a module, and one entry of connecting.py."""
