"""Which vectors are nearest? The models' vectors in this process's memory, ranked exactly."""
