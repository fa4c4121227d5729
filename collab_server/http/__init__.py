"""What every route shares: who asks, what they may send, what goes out with each answer."""
