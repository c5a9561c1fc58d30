"""Models that an MLflow tracking server or registry holds."""
