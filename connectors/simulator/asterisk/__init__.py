"""The simulator's Asterisk: a small switch, and AMI in front of it."""
