"""Log-in by OpenID Connect, against a provider of the tests' own."""
