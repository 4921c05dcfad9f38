"""Training for real: image classification and language modelling."""
