"""`make demo`: four releases of a model on a local cluster, two of them bad, judged and rolled out for real."""
