"""The judge: is the candidate worse than the stable model, not worse, or can it not be known yet?

PURE: counts in, evidence and verdicts out; the standard library only; no clock, no Kubernetes.
"""
