"""A parser of command lines that reports a mistake as one line."""

from argparse import ArgumentParser
from typing import NoReturn

from lightning_transformers.base.errors import ConfigurationError


class LineParser(ArgumentParser):
    """Raises the message of a mistake, with the usage."""

    def error(self, message: str) -> NoReturn:
        """Raise the message of a mistake.

        Raises:
            ConfigurationError: always, with the message and the usage.
        """
        raise ConfigurationError(f"{message} ({self.format_usage().strip()})")
