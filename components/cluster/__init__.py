"""Where containers run in AWS: EKS, or ECS on Fargate.  (docs/aws.md, docs/ecs.md)"""
