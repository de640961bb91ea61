"""Multi-processing modules: policies for waiting."""
