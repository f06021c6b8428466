"""What is asked of the method: theory, the paper's own numbers, runs, sweeps of runs, and their tables."""
