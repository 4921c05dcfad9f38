"""Files from elsewhere and our own: nothing that comes from elsewhere is trusted."""
