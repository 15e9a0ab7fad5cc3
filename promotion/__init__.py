"""What moves between environments, on which evidence, and the log of it.  (docs/promotion.md)"""
