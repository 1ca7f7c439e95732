"""Data: versioned, content-hashed sets with splits, cleaning, deduplication and checks for leaks."""

from metagpt.hub.data.cleaning import CleaningReport, CleaningRules, clean
from metagpt.hub.data.examples import Example, Origin, TextData
from metagpt.hub.data.leaks import Leak, check_apart, check_splits, drop_leaks, find_leaks
from metagpt.hub.data.loading import load_data, load_splits
from metagpt.hub.data.near import Duplicate, find_duplicates
from metagpt.hub.data.preparing import Preparation, Prepared, prepare
from metagpt.hub.data.publish import push_data
from metagpt.hub.data.splits import Splits, few_shot, split

__all__ = [
    "CleaningReport",
    "CleaningRules",
    "Duplicate",
    "Example",
    "Leak",
    "Origin",
    "Preparation",
    "Prepared",
    "Splits",
    "TextData",
    "check_apart",
    "check_splits",
    "clean",
    "drop_leaks",
    "few_shot",
    "find_duplicates",
    "find_leaks",
    "load_data",
    "load_splits",
    "prepare",
    "push_data",
    "split",
]
