"""Names of tenants' users in the environment's database.

Nothing else is loaded here: Lambda runs this file too (users_function.py).
"""

# The path of the secret that holds a user, below its tenant's own.
SECRET = "database/postgres"  # noqa: S105 – a path
# What a service on ECS is tagged with that is given such a user.
TAG, TAGGED = "groundwork:database", "postgres"


def database_owner(tenant: str) -> str:
    """The role and the schema that a tenant's users act as and in."""
    return f"tenant_{tenant.replace('-', '_')}"
