"""What the command line can ask for, one file for each kind; `cli.py` imports the one that is needed."""
