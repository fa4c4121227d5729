"""From the telephone to the page: real Asterisk, server and connector as they are run."""
