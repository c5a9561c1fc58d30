"""From the bytes of source files to syntax trees."""
