"""Programs beside the service: the demo, the pages' pictures, the Dockerfile's steps without docker."""
