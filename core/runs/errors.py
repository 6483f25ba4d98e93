"""What can't be done to a run, in a sentence."""


class RunError(ValueError):
    """Something a user asked of a run that can't be done; the sentence says what to do."""
