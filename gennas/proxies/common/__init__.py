"""What proxies share. Nothing here is a proxy."""
