"""Ways to bring a decision to the cluster. PURE: from a decision and what is there to the writes that are due."""
