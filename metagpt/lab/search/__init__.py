"""Hyperparameter search: a recipe, what to vary in it, and the result to make best. Importing it loads no Optuna."""

from metagpt.lab.search.call import SearchResult, search_hyperparameters
from metagpt.lab.search.settings import Range, SearchSettings

__all__ = ["Range", "SearchResult", "SearchSettings", "search_hyperparameters"]
