"""Tables and figures about datasets and models, each a command."""
