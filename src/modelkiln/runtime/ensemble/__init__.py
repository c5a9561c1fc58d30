"""Several packages that answer as one. Travels inside of ensembles alone, which need it."""
