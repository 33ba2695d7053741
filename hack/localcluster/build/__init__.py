"""What is built before a cluster starts: programs from Go modules, images as Python environments."""
