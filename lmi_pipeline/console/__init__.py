"""What the commands do: one function a command, printing included, decisions elsewhere."""
