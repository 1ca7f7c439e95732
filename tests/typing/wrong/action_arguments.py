"""An action called with another type than it takes."""

from metagpt import action


@action
async def look_up(word: str) -> str:
    """Look a word up."""
    return word


async def main() -> None:
    await look_up(5)  # wrong
