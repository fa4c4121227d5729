"""What every connector needs around the pure core, written once for all PBXs."""
