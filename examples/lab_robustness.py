"""How much worse is a model when words are swapped, left out or typed wrongly; and text with entities, perturbed with its labels aligned.

`finetune(..., adversary=Fgm())` or `FreeLb()` trains against moved embeddings, `augment(train)` adds perturbed copies, and the job
`robustness` does all of it: `metagpt lab robustness --model BASE --data train.csv --test test.csv --adversary fgm --baseline`.

Prints:
    clean 1.00
    swap   1.00 [+0.00, +0.00]
    typo   worse, surely: True
    training set of 60 became more than 150: True
    ['Marie', 'Curie', 'met', 'Ada'] ('B-PER', 'I-PER', 'O', 'B-PER')
"""

import random
from collections.abc import Sequence

from metagpt.hub.data import Example, TextData
from metagpt.lab import augment, perturb, robustness_report

WORDS = {"card": ["card", "chip", "pin"], "transfer": ["transfer", "wire", "iban"]}
REST = ["where", "is", "my", "the", "late", "please", "help"]


class Keywords:
    """A model of your own: anything with `predict` is reported on."""

    def predict(self, inputs: Sequence[Example]) -> list[str]:
        return ["card" if set(each.text.split()) & set(WORDS["card"]) else "transfer" for each in inputs]


def main() -> None:
    chance = random.Random(7)
    labels = [chance.choice(list(WORDS)) for _ in range(60)]
    texts = TextData(Example(text=" ".join([*chance.choices(REST, k=4), chance.choice(WORDS[label])]), label=label) for label in labels)

    report = robustness_report(Keywords(), texts, ["swap", "typo"], strength=0.6)
    swap, typo = report["swap"].difference, report["typo"].difference
    print(f"clean {report.clean:.2f}")
    print(f"swap   {swap.second:.2f} [{swap.interval.low:+.2f}, {swap.interval.high:+.2f}]")
    print("typo   worse, surely:", typo.interval.high < 0 and typo.p_value < 0.05)

    print("training set of 60 became more than 150:", len(augment(texts, ["swap", "delete", "typo"], seed=1)) > 150)

    people = TextData(
        Example(text=" ".join(words), label=tags, fields={"tokens": words})
        for words, tags in (
            (["Ada", "met", "Marie", "Curie"], ("B-PER", "O", "B-PER", "I-PER")),
            (["Nobody", "came"], ("O", "O")),
        )
    )
    first = perturb(people, "mention", strength=1.0)[0]
    print(first.fields["tokens"], first.label)


if __name__ == "__main__":
    main()
