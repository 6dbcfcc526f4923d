"""The stages, one a file: the options, the inputs, the parts, and the package that does the work."""
