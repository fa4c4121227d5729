"""FreeSWITCH over ESL."""
