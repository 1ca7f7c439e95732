"""What answers a role's requests: the interface, and the backends that implement it."""
