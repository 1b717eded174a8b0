"""What is run beside the service: the demo, the painting it uses, the Dockerfile's steps without docker."""
