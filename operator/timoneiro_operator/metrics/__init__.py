"""What model servers, gateways and Prometheus show, turned into reset-aware integer counts of a window. Pure."""
