"""Where values come from that do not stand where they are used: containers, and options of command lines."""
