"""From a sentence about the task to a classifier: models selected from the hub, trained on a few examples, evaluated.

Run: python examples/lab_few_shot.py

Prints:
    classification: 8 examples, 95 % intervals
      accuracy     1.0000  [0.6756, 1.0000]
      f1_macro     1.0000  [1.0000, 1.0000]
      f1_micro     1.0000  [1.0000, 1.0000]
                     precision  recall      f1  support
      economy           1.0000  1.0000  1.0000        2
      entertainment     1.0000  1.0000  1.0000        2
      politics          1.0000  1.0000  1.0000        2
      sports            1.0000  1.0000  1.0000        2
      micro avg         1.0000  1.0000  1.0000        8
      macro avg         1.0000  1.0000  1.0000        8
      weighted avg      1.0000  1.0000  1.0000        8
    trained from all-minilm-l6-v2@1
    a penalty in the last minute -> sports
"""

import csv
import os
import tempfile
from pathlib import Path

from metagpt import ContrastiveTrainer, ModelHub, TaskDescription, evaluate_model, load_data

TRAIN = {
    "politics": ["The parliament passed the budget law.", "The minister resigned after the vote.", "Voters elected a new president."],
    "economy": ["Shares fell as inflation rose.", "The central bank raised interest rates.", "Exports and company profits grew."],
    "sports": ["The striker scored twice in the final.", "She won the marathon in record time.", "The coach left the football club."],
    "entertainment": ["The film won three awards.", "The singer announced a concert tour.", "The actress stars in a new series."],
}
TEST = {
    "politics": ["The senate debates the election reform.", "The prime minister met the opposition leader."],
    "economy": ["The stock market closed lower today.", "Unemployment and consumer prices went up."],
    "sports": ["The team won the cup on penalties.", "The tennis player reached the semi-final."],
    "entertainment": ["The band released an album of hits.", "The movie premiere drew a crowd of stars."],
}


def write(path: str, texts: dict[str, list[str]]) -> None:
    with Path(path).open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((text, label) for label, found in texts.items() for text in found)])


def main() -> None:
    write("train.csv", TRAIN)
    write("test.csv", TEST)

    task = TaskDescription("Classify a short news text as politics, economy, sports or entertainment.")
    models = ModelHub().select_models(task, top_n=3)
    trainer = ContrastiveTrainer(models=models, temperature=0.07, max_epochs=10)
    finetuned = trainer.fit(load_data("train.csv"))  # columns text,label
    test = load_data("test.csv")
    print(evaluate_model(finetuned.predict(test), test.labels))

    print(f"trained from {finetuned.base}")
    print(f"a penalty in the last minute -> {finetuned.predict(['a penalty in the last minute'])[0]}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        main()
