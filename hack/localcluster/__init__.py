"""A Kubernetes cluster of host processes: real control plane, KServe, gateway and S3, no container engine."""
