"""Dashboards as data: panels with their questions, which Grafana shows and a test asks.  (docs/agent-view.md)"""

from __future__ import annotations

from components.observability.dashboards import agents, gateway, mesh, node, platform, vault
from components.observability.dashboards.panels import Board

BOARDS: tuple[Board, ...] = (agents.BOARD, platform.BOARD, mesh.BOARD, gateway.BOARD, vault.BOARD, node.BOARD)


def questions() -> list[tuple[str, str, str]]:
    """Every panel's questions, with its variables set to everything: (board, panel, expression)."""
    return [
        (board.name, panel.title, board.everything(expr))
        for board in BOARDS
        for panel in board.panels
        for expr in panel.lines.values()
    ]
