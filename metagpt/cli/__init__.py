"""The command line: parse, call, print. Nothing of it is imported before it runs."""

__all__ = ["main"]


def main() -> None:
    """The program `metagpt`."""
    from metagpt.cli.app import start

    start()
