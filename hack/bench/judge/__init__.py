"""The judge against simulated rollouts, beside the judges that others use. `make bench-judge` writes docs/judge.md."""
