"""The one error that users meet."""


class KitError(Exception):
    """One line that teaches: what was given, what is allowed, what to do next. The command line prints it and exits with 2."""
