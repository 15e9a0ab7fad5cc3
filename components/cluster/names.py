"""Names of clusters on EKS that other parts point to."""

# The storage class that the environment makes.
FAST = "fast"
