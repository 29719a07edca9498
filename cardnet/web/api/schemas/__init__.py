"""Wire formats of `/api/v1`. Fields are added, never changed; unknown ones are refused."""
