"""Configurations and requests that nobody thought of: drawn by hypothesis, run on both servers, shrunk if they differ.

``sample.py`` says what a sample is and makes smaller ones, ``batch.py`` runs hundreds at one start of each server,
``shrink.py`` finds the smallest that still differs and keeps it as a case; ``rewrite.py``, ``expressions.py`` and
``authorization.py`` draw. ``python -m tests.differential.generate`` runs longer than the tests do.
"""
