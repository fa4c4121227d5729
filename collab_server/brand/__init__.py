"""The brand: how the business shows itself to its callers."""
