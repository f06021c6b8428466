"""How the method is studied: theory, the paper's own numbers, runs, sweeps of runs, and their tables."""
