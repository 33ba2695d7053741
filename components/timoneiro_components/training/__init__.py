"""How a model is made of rows: algorithms, folds, search, calibration, threshold, and a record of it."""
