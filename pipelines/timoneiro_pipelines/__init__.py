"""KFP pipelines over the steps of `timoneiro_components`, and a command line to run and compile them."""
