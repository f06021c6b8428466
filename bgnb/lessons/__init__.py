"""What lessons call (``notebook``, ``controls``, ``uploads``), and what is done with them from outside."""
