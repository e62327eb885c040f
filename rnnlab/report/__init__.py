"""Pictures and tables of what runs have recorded."""
