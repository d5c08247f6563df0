"""The file formats: xlsx, csv and json. They know no report."""
