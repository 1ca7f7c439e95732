"""What a role remembers, and how it recalls."""
