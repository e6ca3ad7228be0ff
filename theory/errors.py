"""The one error for bad input, raised where a value enters and before any work starts."""

from __future__ import annotations


class InputError(ValueError):
    """Bad input from a user.

    The message is one line that says what was given, what is allowed and what to do.  The command line
    prints it and exits with code 2; a caller in Python may catch it as a :class:`ValueError`.
    """
