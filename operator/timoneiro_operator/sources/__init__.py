"""Where counts come from: reads of pods, gateways and Prometheus, and whose read comes next."""
