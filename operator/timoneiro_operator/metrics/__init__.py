"""Where counts come from: expositions of model servers, turned into reset-aware integer deltas."""
