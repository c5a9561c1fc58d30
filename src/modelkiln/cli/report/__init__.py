"""Commands that show packages and this machine to people."""
