"""The one exception that users see without a traceback."""


class InputError(Exception):
    """Bad input: one line that names the file or key, what is wrong with it, and the mend."""
