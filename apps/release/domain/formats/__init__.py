"""Label formats of other tools, a module each with its writer and its reader."""
