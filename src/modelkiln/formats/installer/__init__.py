"""A PEX's first start without Pex. Its modules travel in PEX files, run there on any CPython from 3.9 on, and need the
standard library alone."""
