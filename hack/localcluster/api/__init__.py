"""The Kubernetes API as the cluster's own processes use it: a client, and what it sends and gets."""
