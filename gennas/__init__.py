"""GenNAS: score, rank and search neural architectures without training them."""
