"""Ready-made roles and teams, written with the public names of metagpt alone."""
