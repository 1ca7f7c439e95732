"""What a role may do: actions made from typed functions, and the sandbox that generated code runs in."""
