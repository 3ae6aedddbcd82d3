"""Everything that lies in an avatar folder: stage cache, results, textures, report."""
