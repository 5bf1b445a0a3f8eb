"""`python -m earthcrafter_core.engine`: serve one client on stdin and stdout."""
from .server import main

main()
