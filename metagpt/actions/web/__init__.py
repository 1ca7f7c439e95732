"""The web for actions: hosts that the user allowed, at addresses that were checked, up to limits."""

from metagpt.actions.web.action import FetchedPage, fetch, fetch_action
from metagpt.actions.web.fetching import FetchLimits

__all__ = ["FetchLimits", "FetchedPage", "fetch", "fetch_action"]
