"""Networks, and what trains and runs them. Never sees the command line."""
