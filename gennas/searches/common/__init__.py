"""What several searches share: the training of a supernet."""
