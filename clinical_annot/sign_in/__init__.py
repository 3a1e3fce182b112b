"""Signing in: django-allauth, held to this product's rules (no sign-up, sealed secrets, events)."""
