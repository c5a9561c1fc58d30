"""Steps that write locks."""
