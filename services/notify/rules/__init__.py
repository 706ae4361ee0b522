"""Pure decisions of notify: what an alert becomes, who is told, when, and whether a message goes out at all."""
