"""From an empty folder to a cluster that serves: identities, programs in their order, objects to start with."""
