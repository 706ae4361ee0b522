"""Where read models and evaluations are kept: in memory and in MongoDB, both under one contract suite."""
