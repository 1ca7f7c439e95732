"""A folder of documents: finding the passages that a question is about, and checking that a quote stands in them."""

from metagpt.roles.library.documents import Library, Passage
from metagpt.roles.library.finding import Found, library_actions
from metagpt.roles.library.quotes import Citation, standing

__all__ = ["Citation", "Found", "Library", "Passage", "library_actions", "standing"]
