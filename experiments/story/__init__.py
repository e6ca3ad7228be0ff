"""One report of all studies: statement by statement, what is predicted beside what was measured."""
