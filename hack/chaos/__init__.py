"""A standing campaign of faults against rollouts under load; its figures are docs/reliability.md."""
