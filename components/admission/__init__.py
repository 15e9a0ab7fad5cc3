"""Admission: what the API server asks before it takes an object in.  (docs/admission.md)"""
