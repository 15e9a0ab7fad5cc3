"""Start the plugin."""

from local.aws_plugin.servicer import Servicer
from local.plugin.serving import run

if __name__ == "__main__":
    run(Servicer, ("botocore.client",))
