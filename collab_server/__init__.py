"""The collaboration server: sessions, invitations, API, pages and the web sockets beside them."""
