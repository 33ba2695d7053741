"""What is asked of the machine: Linux calls, processes, whether somebody answers."""
