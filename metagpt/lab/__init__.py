"""Data, training and evaluation of models; installed by `metagpt[lab]`, imported by nothing of the agent side."""
