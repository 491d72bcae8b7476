"""Many runs: a file of jobs, carried out by a pool of processes or on a Ray cluster, each in a folder of its own."""
