"""`training.yaml`: what a team says of its data and its model, as typed data, and every fault of it with its line."""
