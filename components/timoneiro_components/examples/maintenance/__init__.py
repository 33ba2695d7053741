"""Machines that run until they fail: how they wear out, and what their sensors show of it."""
