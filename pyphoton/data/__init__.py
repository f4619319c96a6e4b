"""What goes into `fit_`: the forms of data, and their conversion for a plan."""
