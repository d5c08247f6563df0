"""The reports: typed columns and batches of rows. They know no format."""
