"""The operator: watches ModelDeployments and rolls InferenceServices out, judged by evidence."""

__version__ = "0.1.0"
