"""Scores with intervals, a paired comparison of two models, entities, numbers, texts, and programs that are run.

Prints:
    weather: 8 examples, 95 % intervals
      accuracy     0.7500  [0.4093, 0.9285]
      f1_macro     0.7333  [0.3651, 1.0000]
      f1_micro     0.7500  [0.3750, 1.0000]
                    precision  recall      f1  support
      rain             0.6667  1.0000  0.8000        4
      sun              1.0000  0.5000  0.6667        4
      micro avg        0.7500  0.7500  0.7500        8
      macro avg        0.8333  0.7500  0.7333        8
      weighted avg     0.8333  0.7500  0.7333        8
    new is better: accuracy 0.5500 and 0.9500, p = 0.0078 by McNemar exact.
    entity F1: 0.5
    R2: 0.99
    BLEU 38.0, ROUGE-L 0.83, METEOR (exact and stem) 0.81
    pass@1 0.50, pass@2 1.00
"""

from metagpt import evaluate_model
from metagpt.lab import compare_models
from metagpt.lab.evaluation import CodeProblem, bleu, meteor_exact_stem, pass_measures, rouge, run_samples


def main() -> None:
    labels = ["rain", "sun"] * 4
    print(evaluate_model(["rain", "rain", "rain", "sun", "rain", "rain", "rain", "sun"], labels, title="weather"))

    labels = ["yes", "no"] * 10
    old, new = [*labels[:11], *"?" * 9], [*labels[:19], "?"]
    print(compare_models(old, new, labels, names=("old", "new")).verdict)

    tags = evaluate_model([["B-city", "O", "O", "B-river"]], [["B-city", "O", "B-river", "I-river"]])
    print("entity F1:", tags["entity_f1_micro"])
    numbers = evaluate_model([1.0, 2.1, 2.9], [1.0, 2.0, 3.0])
    print(f"R2: {numbers['r2']:.2f}")

    said, reference = ["the cat sat on the mat"], ["the cat is on the mat"]
    longest = rouge(said, reference)["rougeL"]
    print(f"BLEU {bleu(said, reference):.1f}, ROUGE-L {longest:.2f}, METEOR (exact and stem) {meteor_exact_stem(said, reference):.2f}")

    problem = CodeProblem(name="double", tests="assert double(4) == 8\n")
    samples = ["def double(n):\n    return n + n\n", "def double(n):\n    return n * n\n"]
    first, second = pass_measures(run_samples([problem], [samples]), (1, 2))
    print(f"{first.name} {first.value:.2f}, {second.name} {second.value:.2f}")


if __name__ == "__main__":
    main()
