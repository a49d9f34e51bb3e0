"""What an event is: its envelope and values, which types there are, and an event as the log holds it. Pure."""
