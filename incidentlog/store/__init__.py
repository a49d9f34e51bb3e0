"""PostgreSQL. The only package that runs SQL; its texts are in `sql/`, by module."""
