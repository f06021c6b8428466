"""bgnb."""
