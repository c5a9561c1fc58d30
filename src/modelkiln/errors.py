"""The one error type that users see."""


class ModelkilnError(Exception):
    """Bad input or a failed verification, told in one message for people.

    A message reads: address, then what is wrong with which value, then the option or command
    that mends it. The command line prints it without a traceback and exits with 1.
    """
