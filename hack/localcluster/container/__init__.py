"""One container: what it runs, the namespaces that it runs in, its probes and limits. Knows nothing of pods."""
