"""HTTP beside the views: bodies, problems, caching, CORS, paging, the access log."""
