"""What the lab does is a job: typed settings, a function that runs it, and a run folder that holds all that came of it."""

from metagpt.lab.jobs.folder import RunFolder
from metagpt.lab.jobs.kinds import JOB_KINDS
from metagpt.lab.jobs.recipe import Recipe, read_recipe, run_recipe
from metagpt.lab.jobs.registry import JobSettings, load_job

__all__ = ["JOB_KINDS", "JobSettings", "Recipe", "RunFolder", "load_job", "read_recipe", "run_recipe"]
