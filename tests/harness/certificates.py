"""A certificate authority of one's own, and certificates for servers on this machine."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, kw_only=True)
class ServerCertificate:
    """Files in PEM, and the certificate of the authority that signed it."""

    certificate: Path
    key: Path
    authority: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        return context


def issue(folder: Path, *names: str) -> ServerCertificate:
    """Create an authority and a certificate that it signs for these host names or addresses, as files in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    certificate = authority.issue_cert(*names)
    files = ServerCertificate(
        certificate=folder / "server.pem", key=folder / "server.key", authority=folder / "authority.pem"
    )
    authority.cert_pem.write_to_path(str(files.authority))
    certificate.cert_chain_pems[0].write_to_path(str(files.certificate))
    certificate.private_key_pem.write_to_path(str(files.key))
    files.key.chmod(0o600)
    return files
