"""Reading the web for tools: searching, and fetching pages, with everything checked on the way."""
