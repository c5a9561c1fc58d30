"""Files of model artifacts that need not travel, and those that bring code."""
