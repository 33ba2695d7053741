"""What to do: `decide(deployment, observation, now)`. PURE: no clock, no I/O, no Kubernetes client."""
