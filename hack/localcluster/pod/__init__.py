"""One pod from its binding to its end: network, volumes, containers, status."""
