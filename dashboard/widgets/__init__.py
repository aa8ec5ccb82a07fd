"""Client-side components: the head grid, the linked view of map, strip and structure."""
