"""Intake's stores: in memory and in MongoDB behind one contract suite; constructed by wiring, used through `ports`."""
