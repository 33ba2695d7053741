"""The one exception that people see: its text is a sentence that says what is wrong and what to do."""


class LocalClusterError(Exception):
    """Something that a person can act on; shown without a traceback."""
