"""Many trainings: trials, and the engines that run them on the cores of this machine or on a cluster."""
