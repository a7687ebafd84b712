"""Messages to people: kept until they are sent, by mail or to an address on the web."""
