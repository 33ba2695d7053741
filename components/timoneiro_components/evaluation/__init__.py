"""How good a model is: figures with intervals, by slice, under disturbances, against the champion, and why."""
