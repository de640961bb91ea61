"""One file or package per Apache module; standard.py lists them."""
