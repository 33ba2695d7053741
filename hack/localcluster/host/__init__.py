"""What runs outside the cluster's namespaces: whether the machine will do, and the start of the supervisor."""
