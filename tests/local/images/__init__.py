"""Tests of local/images."""
