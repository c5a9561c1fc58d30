"""What a package declares: record, signature, accelerator, and the weights that it fetches."""
