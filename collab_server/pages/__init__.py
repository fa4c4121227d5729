"""What a browser loads: the built pages and their assets."""
