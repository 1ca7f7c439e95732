"""SetFit on one few-shot cell, in the environment that holds it: reads the cell as JSON, writes predictions and seconds as JSON."""

from __future__ import annotations

import json
import sys
import time
from typing import Any


def main() -> None:
    """Train by SetFit's own trainer, with the pairs of its paper: `iterations` positive and negative ones for each text, one epoch."""
    import torch
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments  # type: ignore[import-not-found]  # stands in an environment of its own

    cell = json.load(sys.stdin)
    torch.set_num_threads(cell["threads"])
    device = cell["device"]
    model = SetFitModel.from_pretrained(cell["encoder"], device=device)
    train = Dataset.from_dict({"text": cell["texts"], "label": cell["targets"]})
    settings = TrainingArguments(
        output_dir=cell["scratch"], batch_size=16, num_epochs=1, num_iterations=cell["iterations"], seed=cell["seed"], report_to="none",
        save_strategy="no", use_amp=False, show_progress_bar=False,
    )  # fmt: skip
    started = time.perf_counter(), time.process_time()
    transformer = model.model_body[0].auto_model
    plain = transformer.forward

    def in_16_bits(*arguments: Any, **more: Any) -> Any:
        with torch.autocast(torch.device(device).type, torch.bfloat16):  # the products of the encoder, as ours: half the time here
            found = plain(*arguments, **more)
        return type(found)(last_hidden_state=found.last_hidden_state.float())

    transformer.forward = in_16_bits
    Trainer(model=model, args=settings, train_dataset=train).train()
    predictions = [int(each) for each in model.predict(cell["tests"], show_progress_bar=False)]
    with open(cell["answer"], "w") as file:
        spent = {"wall_s": time.perf_counter() - started[0], "cpu_s": time.process_time() - started[1]}
        json.dump({"predictions": predictions, **spent}, file)


if __name__ == "__main__":
    main()
