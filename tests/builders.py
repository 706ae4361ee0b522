"""What tests build their values with: registry objects, bodies and events. All synthetic."""

from tests.bodies import *  # noqa: F403
from tests.event_builders import *  # noqa: F403
