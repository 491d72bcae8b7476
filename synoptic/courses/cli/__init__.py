"""The courses' command lines, a file each: options as the courses write them, and what they stand for here."""
