"""CTI and application server: what a PBX reports, turned into collaboration sessions."""
