"""What an AWS environment may cost.  (docs/aws.md)"""
