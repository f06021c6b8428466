"""What lessons call (``notebook``, ``controls``, ``uploads``), and what runs, checks and serves them."""
