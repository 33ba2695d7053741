"""From columns to what a model learns from: one scikit-learn Pipeline, the same in training and in serving."""
