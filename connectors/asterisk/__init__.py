"""Asterisk over AMI: bytes to domain events, commands to actions."""
