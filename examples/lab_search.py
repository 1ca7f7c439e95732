"""Search the settings of any job: here the learning rate and the width of a small language model.

The search is a recipe too: `metagpt lab run search.toml` runs it, and `metagpt lab resume FOLDER` goes on with one that was cut.

Prints:
    4 trials; the best learning rate of [1e-06, 0.01] is 0.01
    written: best.toml history.png trials.json
    the best settings are a recipe for the job pretrain
"""

import tempfile
from pathlib import Path

from metagpt.lab.jobs import read_recipe, run_recipe

SEARCH = """
job = "search"
recipe = "{folder}/pretrain.toml"
result = "validation_loss"
direction = "minimize"
sampler = "grid"        # or tpe, which learns from the trials so far; prune_on ends hopeless ones early

[vary]
learning_rate = [1e-6, 1e-2]        # or {{low = 1e-6, high = 1e-2, log = true}}
width = [16, 32]
"""

PRETRAIN = """
job = "pretrain"
data = "{folder}/rhyme.txt"
layers = 1
heads = 2
length = 16
rows = 4
steps = 12
warmup = 2
sample_tokens = 0
"""


def main(folder: Path) -> None:
    (folder / "rhyme.txt").write_text("one, two, buckle my shoe; three, four, knock at the door. " * 40)
    (folder / "pretrain.toml").write_text(PRETRAIN.format(folder=folder.as_posix()))
    (folder / "search.toml").write_text(SEARCH.format(folder=folder.as_posix()))
    run, results = run_recipe(read_recipe(folder / "search.toml"), out=folder / "run")
    print(f"{results['trials']} trials; the best learning rate of [1e-06, 0.01] is {results['best']['learning_rate']}")
    print("written:", *(name for name in ("best.toml", "history.png", "trials.json") if (run.path / name).is_file()))
    print("the best settings are a recipe for the job", read_recipe(run.path / "best.toml").kind)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
