"""What spaces share. `workflow/code.py` counts it to each of them."""
