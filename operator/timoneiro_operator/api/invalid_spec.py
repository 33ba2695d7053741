"""What everybody raises who finds that a spec makes no sense."""


class InvalidSpec(ValueError):
    """The spec makes no sense; the message is a sentence for people. The last valid one counts on."""
