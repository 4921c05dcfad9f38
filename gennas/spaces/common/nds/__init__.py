"""What the spaces of "On Network Design Spaces for Visual Recognition" share."""
