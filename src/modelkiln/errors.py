"""The one error type that users see."""


class ModelkilnError(Exception):
    """Bad input or a failed verification: an error to show to the user.

    A message reads: address, then what is wrong with which value, then the option or command
    that fixes it. The command line prints it without a traceback and exits with 1.
    """
