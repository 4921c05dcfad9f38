"""What the regression proxy, the task search and the architecture search train networks with: signals, tasks, heads."""
