"""The worker process that Blender talks to: `protocol` (numpy alone, used by both sides) and `server`."""
