"""Modules, hooks, exchanges, plans and the pipeline that runs a request."""
