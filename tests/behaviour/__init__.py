"""What Tandem concludes from each kind of call, told once and tried beside every PBX."""
