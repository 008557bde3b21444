"""The command `dashboard`: the pages over what lies in a folder or a deployed stack."""

from __future__ import annotations

from playlake.cli.listening import Host, Port, dashboard_told, key_of, listen, serve, url_of
from playlake.cli.terminal import Terminal
from playlake.cli.where import Where, anywhere


@anywhere
def dashboard(where: Where, port: Port = 8090, host: Host = "127.0.0.1") -> None:
    """Serve the dashboard over a data folder, or over a deployed stack through Athena.

    Nothing is collected: `playlake dev` serves the same pages and does. Ctrl-C stops it.
    """
    from playlake.cli.desk import desk_over
    from playlake.web.access import guarded
    from playlake.web.dashboard.routes import dashboard_routes
    from playlake.web.site import site

    console = Terminal()
    with listen(host, port) as listening, desk_over(where, host) as desk:
        url, key = url_of(listening), key_of(host, listening)
        console.print(
            f"playlake serves [bold]{url}/dashboard/[/] over {desk.place}", soft_wrap=True
        )
        if key:
            console.print(f"  {dashboard_told(url, key)}", soft_wrap=True)
        console.print("[dim]  Ctrl-C stops it.[/]")
        serve(guarded(site(dashboard_routes(desk)), key), listening)
