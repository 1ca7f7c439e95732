"""`to` takes messages."""

from metagpt import to


addressed = to("text", "critic")  # wrong
