"""What lets programs run that were written for Keras 1.2 and 2.x, or for `import keras`.

`renames` has the old spellings of arguments; the classes themselves accept them, with a
DeprecationWarning that names the new spelling.  `paths` has the old names and modules,
`hornbeam.compat.keras` stands in for the package of that name.
"""
