"""The embedded model: its corpus, tokenizer, training, evaluation and export."""
