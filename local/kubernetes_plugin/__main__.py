"""Start the plugin."""

from local.kubernetes_plugin.servicer import Servicer
from local.plugin.serving import run

if __name__ == "__main__":
    run(Servicer, ("kubernetes.client", "kubernetes.config", "local.kubernetes_plugin.components"))
