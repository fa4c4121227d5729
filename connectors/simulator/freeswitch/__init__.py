"""A small FreeSWITCH, with an event socket in front."""
