"""One call of S3, with the rights of this pod: put an object where none is.

Signed as AWS's reference says, "Signature Version 4", in a dozen lines: its client library would be twenty times as
large as all else in the image.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx

SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What the agent of EKS on this node gives out for an hour or so."""

    key_id: str
    secret: str = field(repr=False)
    token: str = field(repr=False)


def credentials(environment: Mapping[str, str] = os.environ) -> Credentials:
    """By the two variables that EKS puts into the pods of an account with a role. Raises httpx.HTTPError, OSError."""
    token = Path(environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]).read_text("utf-8")
    address = environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    with httpx.Client(timeout=SECONDS, trust_env=False) as client:
        told = client.get(address, headers={"Authorization": token.strip()}).raise_for_status().json()
    return Credentials(key_id=told["AccessKeyId"], secret=told["SecretAccessKey"], token=told["Token"])


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """`endpoint`: of the region's S3; `account`: whose the bucket must be."""

    endpoint: str
    region: str
    name: str
    account: str

    def put(self, key: str, file: Path, given: Credentials) -> None:
        """The file as an object. S3 refuses where one of that name is, or the content is another than was read here.

        Raises httpx.HTTPError.
        """
        digest = _digest(file)
        url = f"{self.endpoint}/{self.name}/{quote(key)}"
        headers = {
            "host": urlsplit(url).netloc,
            "if-none-match": "*",
            "x-amz-checksum-sha256": base64.b64encode(bytes.fromhex(digest)).decode(),
            "x-amz-content-sha256": digest,
            "x-amz-sdk-checksum-algorithm": "SHA256",
            "x-amz-expected-bucket-owner": self.account,
            "x-amz-security-token": given.token,
        }
        signed = sign("PUT", url, headers, given, self.region, datetime.now(UTC))
        with httpx.Client(timeout=SECONDS, trust_env=False) as client, file.open("rb") as content:
            client.put(url, content=content, headers=signed).raise_for_status()


def sign(  # noqa: PLR0913, PLR0917 – what a signature is made of
    method: str, url: str, headers: Mapping[str, str], given: Credentials, region: str, now: datetime
) -> dict[str, str]:
    """The headers, with the time and the signature. Names are in lower case; one is `x-amz-content-sha256`."""
    moment, parts = f"{now:%Y%m%dT%H%M%SZ}", urlsplit(url)
    told = {**headers, "x-amz-date": moment}
    names = ";".join(sorted(told))
    lines = "".join(f"{name}:{told[name].strip()}\n" for name in sorted(told))
    asked = "\n".join([method, parts.path, parts.query, lines, names, told["x-amz-content-sha256"]])
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(asked.encode()).hexdigest()])
    key = f"AWS4{given.secret}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    proof = f"Credential={given.key_id}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
    return {**told, "authorization": f"AWS4-HMAC-SHA256 {proof}"}


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
