"""Reports: statistics, the parts of a page, and the files made from them, all from the store alone."""
