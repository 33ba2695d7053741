"""What a task is judged by: a module for the metrics of each, and one registry."""
