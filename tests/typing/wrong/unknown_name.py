"""A name that the package does not have."""

from metagpt import Tema  # wrong
