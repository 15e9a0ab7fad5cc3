"""Policies about AWS resources, by their properties alone."""
