"""The site: pages written by hand in docs/, and pages made from operations and networks, put together for Zensical."""
