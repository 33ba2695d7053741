"""InferenceServices: built from a ModelDeployment, and read back as plain data. Pure."""
