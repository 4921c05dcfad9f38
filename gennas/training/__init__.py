"""Training for real: image classification, language modelling and masked language modelling."""
