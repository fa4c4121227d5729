"""Agents log in by OpenID Connect: the code flow with PKCE, towards one provider.

settings    ``[server.oidc]``
web         requests to the provider: bounded in time and size, no redirects
provider    what the provider says of itself, and its keys, kept for a while
flow        what a browser carries while it is away at the provider
tokens      whether an ID token or a logout token is genuine and for us
claims      what a person's claims say: name, roles, address
accounts    which account a person has here
blueprint   ``/v1/login/oidc``
"""
