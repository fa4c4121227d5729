"""Pairing: six digits that tie a telephone call to a browser, in either direction.

A page shows a code, and the caller keys it in or says it to the agent; or the PBX and the agent
tell a code, and the user types it on the page. Either way a browser becomes the user of the call's
session, for only who has both can bring the digits from one to the other.
"""
