"""What NAS-Bench-201 and NAS-Bench-360, which put the same cells into another network, share."""
