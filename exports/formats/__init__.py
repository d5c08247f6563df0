"""The file formats xlsx, csv and json. Writers accept any report."""
