"""The node: takes pods from the API and gives each to a worker."""
