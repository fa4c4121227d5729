"""What administrators set up on the page `/setup`: people, and the brand."""
