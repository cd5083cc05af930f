"""What can be asked, by what it is about: a table in each module, which `gateway.protocol.operations` puts together."""
