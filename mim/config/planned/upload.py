"""Files: mod_http_upload."""

from __future__ import annotations

from typing import Literal

from mim.config.options import HostTemplate, ModuleOptions, NonEmpty
from mim.config.tables import Options, option


class S3(Options):
    """``[modules.mod_http_upload.s3]``."""

    bucket_url: NonEmpty = option(help="URL of the bucket, prefix allowed.")
    add_acl: bool = option(False, help="Add the header x-amz-acl: public-read.")
    region: str = option(help="AWS region for signing.")
    access_key_id: str = option(secret=True, help="Key id.")
    secret_access_key: str = option(secret=True, help="Key.")


class HttpUploadOptions(ModuleOptions):
    """``[modules.mod_http_upload]``."""

    host: HostTemplate = option("upload.@HOST@", help="Name of the service.")
    backend: Literal["s3"] = option("s3", help="Only S3.")
    expiration_time: int = option(60, minimum=1, unit="seconds", help="The PUT URL is valid.")
    token_bytes: int = option(32, minimum=1, unit="bytes", help="Random bytes in the URL (twice as many hex digits).")
    max_file_size: int = option(10485760, minimum=1, unit="bytes", help="Of one file.")
    s3: S3 = option(help="The S3 store.")
