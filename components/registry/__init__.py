"""Where an AWS environment's images are kept.  (docs/aws.md)"""
