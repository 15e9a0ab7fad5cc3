"""Serve the emulated account on a free port of 127.0.0.1, and print the port as the first line."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING

from groundwork.parent import end_with_parent

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def one_at_a_time(application: WSGIApplication) -> WSGIApplication:
    """moto keeps an account in plain dictionaries: a thread that walks through them while another adds to them ends in
    an error 500, as AWS would not answer. It does nothing but compute, so that requests lose nothing by waiting.
    """
    lock = threading.Lock()

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with lock:
            answer = application(environ, start_response)
            try:
                return [*answer]
            finally:
                close = getattr(answer, "close", None)
                if close is not None:
                    close()

    return serve


def supplement() -> dict[str, list[str]]:
    """Add what moto lacks; API → operations that are ours."""
    from local.account import operations
    from local.account.eks import EKS
    from local.account.elasticache import ELASTICACHE
    from local.account.supplement import add

    added = {
        "eks": ("eks", EKS, "EKSResponse"),
        "elasticache": ("elasticache", ELASTICACHE, "ElastiCacheResponse"),
        "backup": ("backup", operations.BACKUP, "BackupResponse"),
        "route53": ("route53", operations.ROUTE53, "Route53"),
        "logs": ("logs", operations.LOGS, "LogsResponse"),
        "autoscaling": ("autoscaling", operations.AUTOSCALING, "AutoScalingResponse"),
        "budgets": ("budgets", operations.BUDGETS, "BudgetsResponse"),
        "secretsmanager": ("secretsmanager", operations.SECRETS, "SecretsManagerResponse"),
    }
    operations.admit_tokens()
    for api, (package, functions, response) in added.items():
        add(api, package, functions, response)
    return {api: sorted(functions) for api, (_, functions, _) in added.items()}


def main() -> None:
    """Serve until the process that started this one is gone, or ends it."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    supplement()
    application = one_at_a_time(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    end_with_parent()
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
