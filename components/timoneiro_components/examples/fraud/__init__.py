"""Payments by card, some of them by thieves: the process, what a bank sees of it, and how sure one can be at best."""
