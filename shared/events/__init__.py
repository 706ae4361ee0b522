"""Events: past-tense frozen values, one module per topic; the envelope and the catalogue of types."""
