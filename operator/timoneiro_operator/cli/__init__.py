"""`timoneiro`, and the same program as `kubectl timoneiro`: what people see of a rollout, and what they ask of it.

A pure core (view, text, commands, outcome, explain, tree, tables, report) in a thin shell (main, cluster, waiting,
live).
"""
