"""What reporting needs to run."""

from pydantic import Field

from shared.settings import ReadableFile, Settings


class ReportingSettings(Settings):
    """The common settings; the session secret is required, since its pages are signed in to."""

    port: int = Field(8004, ge=0, le=65_535)
    session_secret_file: ReadableFile
