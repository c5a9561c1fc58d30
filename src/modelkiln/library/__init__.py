"""What a model's wheel has more than other formats: an application imports it, and calls the model."""
