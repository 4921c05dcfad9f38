"""The pipeline's stages: one module per rule, of the same name; `python -m stages.<stage> --help` runs one alone.

What they compute with is the library `gennas`; what they share as a pipeline (artifacts, parameters, command line,
worker processes) is in `stages/support`.
"""

# Before any other module is imported: what this process runs is then not newer than what was hashed.
from stages.support import sources as sources
