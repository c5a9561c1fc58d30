"""What travels inside a package and answers `predict`, `info` and `verify`.

Runs on the package's Python with the standard library alone; numpy is imported when a prediction
is made. Starting is part of every answer, so nothing here imports argparse, dataclasses or typing.
"""
