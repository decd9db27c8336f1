"""`flask set-link-domain`: sets the domain of a church's short links, and whether links are shortened by default."""

from __future__ import annotations

import re
from uuid import UUID

import click
from flask.cli import with_appcontext
from psycopg.errors import UniqueViolation

from api.commands.support.command_actor import command_actor
from api.commands.support.option_types import DEFAULT, BadInput, ChurchId
from api.commands.support.transaction import transaction
from api.services import services
from messaging.links import PATH, host_of
from store import audit, links
from store.links import LinkSettings

_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")


@click.command("set-link-domain")
@click.option("--church", "church_id", type=ChurchId(), required=True, help="The church's id.")
@click.option("--domain", help="Its short domain, such as grace.example, or `default` for that of the service.")
@click.option(
    "--shorten/--no-shorten",
    "shortens",
    default=None,
    help="Whether links are shortened when a request does not set shortenLinks.",
)
@with_appcontext
def set_link_domain(church_id: UUID, domain: str | None, shortens: bool | None) -> None:
    """Set where a church's short links point to.

    The domain must lead to this service, with a certificate for HTTPS. Links that were sent before keep their domain.
    """
    if domain is None and shortens is None:
        raise BadInput("--domain, --shorten or --no-shorten is missing. `flask church show` shows what is set.")
    chosen = None if domain is None else _checked(domain)
    try:
        with transaction() as connection:
            before = links.settings_of(connection, church_id)
            if before is None:
                raise BadInput(f"There is no church {church_id}.")
            after = LinkSettings(
                link_domain=before.link_domain if domain is None else chosen,
                shortens_links=before.shortens_links if shortens is None else shortens,
            )
            links.change_settings(connection, after, church_id=church_id)
            audit.record(
                connection,
                actor=command_actor(),
                action="church.links_set",
                subject=str(church_id),
                church_id=church_id,
                details={"linkDomain": after.link_domain, "shortensLinks": after.shortens_links},
            )
    except UniqueViolation:
        raise BadInput(f"{chosen} is the domain of another church.") from None
    click.echo(describe(after))


def describe(settings: LinkSettings) -> str:
    """Return what short links look like, and when links are shortened."""
    base_url = services().settings.link_base_url if settings.link_domain is None else f"https://{settings.link_domain}"
    when = "by default" if settings.shortens_links else "when a request asks for it"
    return f"Links are shortened {when}, to {base_url}{PATH}…"


def _checked(domain: str) -> str | None:
    """Return the domain in lower case; None for that of the service."""
    domain = domain.strip().rstrip(".").lower()
    if domain == DEFAULT:
        return None
    if not _DOMAIN.fullmatch(domain):
        raise BadInput("--domain must be a domain name such as grace.example, without https:// and without a path.")
    settings = services().settings
    if domain in (host_of(settings.public_url), settings.link_domain):
        raise BadInput(f"{domain} is the domain of the service. Use `--domain default`.")
    return domain
