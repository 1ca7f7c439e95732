"""Jobs over what the hub does itself: sets of data, entries, selection and composition, as recipes with a run folder."""
