"""Stage: poses, videos and published maps into pictures of bodies."""
