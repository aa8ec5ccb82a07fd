"""The one error that people see as a sentence: bad input, named with its rule and its value."""


class InputError(ValueError):
    """A one-line message for the person who gave the input: the rule that was broken, and the value that broke it."""


class Cancelled(Exception):
    """Long work was stopped on request; what had been computed before stays with the caller."""
