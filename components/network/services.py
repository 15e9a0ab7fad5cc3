"""The services of AWS that a network can have endpoints for."""

GATEWAYS = ("s3", "dynamodb")
# The parts of service names that an environment may ask for: `com.amazonaws.<region>.<part>`.
INTERFACES = (
    "acm-pca",
    "autoscaling",
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "ecs",
    "ecs-agent",
    "ecs-telemetry",
    "eks",
    "eks-auth",
    "elasticloadbalancing",
    "kms",
    "logs",
    "monitoring",
    "secretsmanager",
    "sqs",
    "ssm",
    "sts",
    "xray",
)
