"""What Pulumi's SDK in this process has to do with other engines before and beside: nothing.

An inline program talks to its engine over channels that the SDK opens and never closes. All channels of a process
share gRPC's connections, by address: where one of an engine that ended still tries, an engine that the kernel gives the
same port is told to be away, and the run ends with "Resource monitor has terminated".
"""

from __future__ import annotations

OWN_CONNECTIONS = ("grpc.use_local_subchannel_pool", 1)


def separate() -> None:
    """From now on each of the SDK's channels has connections of its own. Safe to call again.

    The SDK has no setting for this; its modules share this one list of options.
    """
    from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS

    if OWN_CONNECTIONS not in _GRPC_CHANNEL_OPTIONS:
        _GRPC_CHANNEL_OPTIONS.append(OWN_CONNECTIONS)
