"""What scoring can be told from outside, beside the settings of every service. Read by __main__, wiring and replay."""

from pydantic import Field

from shared.settings import Settings


class ScoringSettings(Settings):
    """Times in seconds. A worker that stays silent for `scoring_session_s` loses its partitions to another."""

    port: int = Field(8002, ge=0, le=65_535)
    scoring_session_s: float = Field(10.0, ge=6.0, le=300.0)
    scoring_batch: int = Field(2000, ge=1, le=20_000)
    scoring_stalled_s: float = Field(120.0, gt=0)

    @property
    def named_instance(self) -> str | None:
        """The instance's name when one was given: only then does it outlive the process, as a static member's must."""
        return self.instance if "instance" in self.model_fields_set else None
