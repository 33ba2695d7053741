"""`timoneiro`, and the same program as `kubectl timoneiro`: what people see of a rollout, and what they ask of it.

Three rooms: `commands` reads and writes the cluster, `presentation` says and draws what was read, and `report` makes a
page of it. The last two are pure.
"""
