"""English names of the grading items, for the sites that show an enterprise's grade; the rules hold the Chinese."""

from collections.abc import Mapping

# 应急〔2018〕19号 has no official English; these short names are ours.
GRADING_EN: Mapping[str, str] = {
    "1.1": "Major hazard units",
    "1.2": "Dangerous substances",
    "1.3": "Hazardous processes",
    "1.4": "Fire and explosion",
    "2.1": "Surroundings",
    "3.1": "Design and assessment",
    "4.1": "Equipment",
    "5.1": "Automatic control and safety facilities",
    "6.1": "Qualification of people",
    "7.1": "Safety management systems",
    "8.1": "Emergency preparedness",
    "9.1": "Safety record",
}
